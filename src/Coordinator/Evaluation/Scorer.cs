using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using Quorate.Shared.Runs;

namespace Quorate.Coordinator.Evaluation;

/// <summary>
/// Scores published models while the rounds continue, one at a time. Active runs take turns, each with its oldest
/// model. A model is scored on a part of the held-out images, a run's last one on all of them. If a model cannot be
/// scored, the reason is recorded instead. No round waits for a score. In a run without scoring, every model is
/// published with that reason.
/// </summary>
internal sealed partial class Scorer(
    IReplicatedLog log, BlobStore blobs, Replication replication, TrainerProgram trainer,
    OperatorNotices notices, TimeProvider time, ILogger<Scorer> logger) : BackgroundService
{
    private const int Attempts = 3;
    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);

    private RunId _turn; // the run that was scored last

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        LeaderLoop.RunAsync(log, LeadAsync, stoppingToken);

    private async Task LeadAsync(CancellationToken token)
    {
        try
        {
            while (true)
            {
                try
                {
                    await ScoreNextAsync(token);
                    continue;
                }
                catch (Exception e) when (
                    e is NotLeaderException or OutcomeUnknownException or BlobUnavailableException or IOException)
                {
                    LogPostponed(e.Message);
                }
                await Task.Delay(_pause, time, token);
            }
        }
        finally
        {
            trainer.StopChild(); // The next leader scores the same models.
            foreach (var run in log.State.Runs) notices.Withdraw(Topic(run));
        }
    }

    private async Task ScoreNextAsync(CancellationToken token)
    {
        var state = log.State;
        foreach (var known in state.Runs) Notice(known);
        // Besides scores, the child is needed only for initial models.
        if (state.ActiveRuns.All(active => active.Model?.Unscored == PublishedModel.NoScoresAsked)) trainer.StopChild();
        if (NextTurn(state, _turn) is not { } run)
        {
            await log.ChangedAsync(state.Index, token);
            return;
        }
        _turn = run.Id;
        var model = NextStep.ToScore(run)!;
        var (metrics, reason) = await ScoreAsync(run, model, token);
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        await log.ProposeAsync(new Command.RecordScore(run.Id, model.Round, metrics, reason, now), token);
        CrashPoint.Pass("score-recorded");
    }

    /// <summary>The next active run after <paramref name="last"/> that has a model to score, or null.</summary>
    internal static Run? NextTurn(ClusterState state, RunId last)
    {
        var due = state.ActiveRuns.Where(run => NextStep.ToScore(run) is not null).ToList();
        int turn = state.Runs.FindIndex(run => run.Id == last);
        return due.Find(run => state.Runs.IndexOf(run) > turn) ?? due.FirstOrDefault();
    }

    private void Notice(Run run)
    {
        string topic = Topic(run);
        if (run.Ended || run.Model?.Score.Count > 0) notices.Withdraw(topic);
        else if (run.Model is { Unscored: { Length: > 0 } why }
            && notices.Post(topic, $"Run {run.Id} has no scores: {why}"))
            LogUnscored(run.Id, why);
    }

    private static string Topic(Run run) => $"scoring of {run.Id}";

    /// <returns>The metrics, or no metrics and the reason.</returns>
    private async Task<(Metrics Metrics, string Reason)> ScoreAsync(
        Run run, PublishedModel model, CancellationToken token)
    {
        if (RunFile.Parse(run.Plan).Scoring is not { } scoring) return (Metrics.None, PublishedModel.NoScoresAsked);
        if (!trainer.Exists) return (Metrics.None, "there is no trainer program here.");

        int images = model.Round == run.Rules.Rounds ? int.MaxValue : scoring.Images;
        await replication.RequireHereAsync(model.Blob, model.Length, token);
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return (await trainer.ScoreAsync(run.Plan, blobs.PathOf(model.Blob), images, token), "");
            }
            catch (TrainerProgramException e)
            {
                string reason = Limits.CutReason(e.Message);
                if (attempt == Attempts || e.IsBadInput) return (Metrics.None, reason);
                LogPostponed(reason);
            }
            await Task.Delay(_pause, time, token);
        }
    }

    [LoggerMessage(EventIds.ScoreRetried, LogLevel.Warning, "Scoring failed; retrying: {Reason}")]
    private partial void LogPostponed(string reason);

    [LoggerMessage(EventIds.ModelUnscored, LogLevel.Warning, "Run {Run} has no scores: {Reason}")]
    private partial void LogUnscored(RunId run, string reason);
}
