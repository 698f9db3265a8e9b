using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// With <c>--verify</c>, a follower averages every closed round again from its own copies and compares the bytes; if
/// they differ, this node stops. Off by default because the node must pull every update.
/// </summary>
internal sealed partial class Recompute(
    IReplicatedLog log, ModelBuilder builder, EmergencyStop emergency, TimeProvider time, ILogger<Recompute> logger)
    : BackgroundService
{
    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var done = new Dictionary<RunId, BlobHash>(); // each run's newest model that was compared
        while (!stoppingToken.IsCancellationRequested)
        {
            var state = log.State;
            bool postponed = false;
            foreach (var run in state.Runs)
            {
                if (log.Leadership.IsLeader || run.Model is not { Round: > 0, Updates.Length: > 0 } model
                    || done.GetValueOrDefault(run.Id) == model.Blob)
                    continue;
                try
                {
                    await CompareAsync(run, model, stoppingToken);
                    done[run.Id] = model.Blob;
                }
                catch (Exception e) when (e is IOException or BlobUnavailableException)
                {
                    LogPostponed(model.Round, run.Id, e.Message);
                    postponed = true;
                }
            }
            if (postponed) await Task.Delay(_pause, time, stoppingToken);
            else await log.ChangedAsync(state.Index, stoppingToken);
            foreach (var gone in done.Keys.Where(run => log.State.Find(run) is null).ToList()) done.Remove(gone);
        }
    }

    private async Task CompareAsync(Run run, PublishedModel model, CancellationToken token)
    {
        var plan = run.ReadAggregation();
        // A strategy without memory reads only the schema and the frozen tensors of the previous model, which the new
        // model has as well. A strategy with memory needs the previous round's files, which may be gone.
        var previous = plan.HasMemory ? run.KeptModels.FirstOrDefault(kept => kept.Round == model.Round - 1) : model;
        if (previous is null) return;
        using var own = await builder.BuildAsync(plan, previous, model.Updates, token);
        if (own.Model.Hash == model.Blob && own.Memory?.Hash == model.Memory?.Hash)
            LogVerified(model.Round, run.Id, own.Model.Hash.Short);
        else emergency.Diverged($"Round {model.Round} of run {run.Id} averages to {own.Model.Hash.Short}… here; "
            + $"{model.Blob.Short}… was published.");
    }

    [LoggerMessage(EventIds.ModelVerified, LogLevel.Information,
        "Verified round {Round} of run {Run}: sha256:{Model}.")]
    private partial void LogVerified(int round, RunId run, string model);

    [LoggerMessage(EventIds.VerificationRetried, LogLevel.Warning,
        "Verifying round {Round} of run {Run} failed; retrying: {Reason}")]
    private partial void LogPostponed(int round, RunId run, string reason);
}
