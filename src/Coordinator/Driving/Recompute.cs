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
    IReplicatedLog log, BlobStore blobs, Replication replication, EmergencyStop emergency, TimeProvider time,
    ILogger<Recompute> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        (RunId Run, int Round)? done = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            var state = log.State;
            var run = state.Runs.IsEmpty ? null : state.Runs[^1];
            if (log.Leadership.IsLeader || run?.Model is not { Round: > 0, Updates.Length: > 0 } model
                || done == (run.Id, model.Round))
            {
                await log.ChangedAsync(state.Index, stoppingToken);
                continue;
            }
            try
            {
                await CompareAsync(run, model, stoppingToken);
                done = (run.Id, model.Round);
            }
            catch (Exception e) when (e is IOException or BlobUnavailableException)
            {
                LogPostponed(model.Round, e.Message);
                await Task.Delay(Pause, time, stoppingToken);
            }
        }
    }

    private async Task CompareAsync(Run run, PublishedModel model, CancellationToken token)
    {
        // The strategies read no values of the previous model that are not in this one too.
        using var own = await ModelBuilder.BuildAsync(
            blobs, replication, run.ReadAggregation(), previous: model, model.Updates, token);
        if (own.Hash == model.Blob) LogVerified(model.Round, own.Hash.Short);
        else emergency.Diverged($"Round {model.Round} of run {run.Id} averages to {own.Hash.Short}… here; "
            + $"{model.Blob.Short}… was published.");
    }

    [LoggerMessage(EventIds.ModelVerified, LogLevel.Information, "Verified round {Round}: sha256:{Model}.")]
    private partial void LogVerified(int round, string model);

    [LoggerMessage(EventIds.VerificationRetried, LogLevel.Warning,
        "Verifying round {Round} failed; retrying: {Reason}")]
    private partial void LogPostponed(int round, string reason);
}
