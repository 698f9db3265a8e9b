using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Intake;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using Quorate.Shared.Runs;

namespace Quorate.Coordinator.Evaluation;

/// <summary>
/// Scores each published model beside the rounds, one at a time, oldest first: a slice of the held-out images a round,
/// all of them for the last. A score that cannot be had is recorded as such, with the reason, and never holds a round
/// up. In a run that asks for no scores every model says so as it is published (Driving), which costs no fact more.
/// </summary>
internal sealed partial class Scorer(
    IReplicatedLog log, BlobStore blobs, Replication replication, TrainerProgram trainer, Notes notes,
    TimeProvider time, ILogger<Scorer> logger) : BackgroundService
{
    /// <summary>Why a run's models have no scores where it wants none.</summary>
    public const string NoneAsked = "the run asks for no scores.";

    private const int Attempts = 3;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            if (!log.Leadership.IsLeader) trainer.Rest();
            var leadership = await log.WaitToLeadAsync(stoppingToken);
            using var leading = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, leadership);
            try
            {
                await ScoreNextAsync(leading.Token);
            }
            catch (OperationCanceledException) when (leading.IsCancellationRequested)
            {
                // Deposed, or stopping: the next leader finds the same model unscored.
            }
            catch (Exception e) when (
                e is NotLeaderException or OutcomeUnknownException or BlobUnavailableException or IOException)
            {
                LogPostponed(e.Message);
                await Task.Delay(Pause, time, stoppingToken);
            }
        }
    }

    private async Task ScoreNextAsync(CancellationToken token)
    {
        var state = log.State;
        var run = state.Active;
        if (run is null) trainer.Rest();
        if (state.Runs.LastOrDefault()?.Model is { Unscored: { Length: > 0 } why })
        {
            if (notes.Say("scoring", $"Scoring is off: {why}")) LogUnscored(why);
            if (why == NoneAsked) trainer.Rest(); // It has made the initial model.
        }
        else if (state.Runs.LastOrDefault()?.Model?.Score is not null) notes.Withdraw("scoring");
        if (run is null || NextStep.ToScore(run) is not { } model)
        {
            await log.ChangedAsync(state.Index, token);
            return;
        }
        var (score, reason) = await ScoreAsync(run, model, token);
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        await log.ProposeAsync(new Command.RecordScore(run.Id, model.Round, score, reason, now), token);
        CrashPoint.Pass("score-recorded");
    }

    private async Task<(Score? Score, string Reason)> ScoreAsync(Run run, PublishedModel model, CancellationToken token)
    {
        if (RunFile.Parse(run.Plan).Scoring is not { } scoring) return (null, NoneAsked);
        if (!trainer.Exists) return (null, "there is no trainer program here.");

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
                if (attempt == Attempts || e.IsBadInput) return (null, reason);
                LogPostponed(reason);
            }
            await Task.Delay(Pause, time, token);
        }
    }

    [LoggerMessage(EventIds.ScoreRetried, LogLevel.Warning, "Scoring is tried again: {Reason}")]
    private partial void LogPostponed(string reason);

    [LoggerMessage(EventIds.ModelUnscored, LogLevel.Warning, "Scoring is off: {Reason}")]
    private partial void LogUnscored(string reason);
}
