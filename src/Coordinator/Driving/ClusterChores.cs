using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;

namespace Quorate.Coordinator.Driving;

/// <summary>What the leader does for the cluster: gives it an id, and opens the run of <c>--run</c>.</summary>
internal sealed class ClusterChores(
    IReplicatedLog log, CoordinatorOptions options, DrawClusterId draw, StepLoop loop, TimeProvider time)
    : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => LeaderLoop.RunAsync(
        log, leading => loop.RepeatAsync("the cluster", StepAsync, leading), stoppingToken);

    private async Task<bool> StepAsync(CancellationToken token)
    {
        var state = log.State;
        if (!state.Id.IsSet)
            await log.RequireAsync(new Command.NameCluster(draw(), time.GetUtcNow().ToUnixTimeMilliseconds()), token);
        else if (options.Run is { } file && !state.ActiveRuns.Any() && IsNew(file.Name, state))
            await log.RequireAsync(file.ToCommand(time), token);
        else await log.ChangedAsync(state.Index, token);
        return true;
    }

    /// <summary>
    /// Whether the cluster has never seen a run. Once the state holds its maximum of runs, older ones may have been
    /// forgotten, this one among them; then only `quorate run start` opens it again.
    /// </summary>
    internal static bool IsNew(RunId name, ClusterState state) =>
        state.Find(name) is null && state.Runs.Count < Limits.Runs;
}

/// <summary>Draws a random id for a new cluster.</summary>
internal delegate ClusterId DrawClusterId();
