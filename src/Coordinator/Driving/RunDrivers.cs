using Quorate.Coordinator.Consensus;
using Quorate.Rounds;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// While this node leads, every active run has a <see cref="RunDriver"/> of its own, so that a run whose steps fail or
/// wait holds up no other one.
/// </summary>
internal sealed class RunDrivers(IReplicatedLog log, DriverOf driverOf) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        LeaderLoop.RunAsync(log, LeadAsync, stoppingToken);

    private async Task LeadAsync(CancellationToken leading)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(leading);
        var drivers = new Dictionary<RunId, Task>();
        try
        {
            for (var state = log.State; ; state = await log.ChangedAsync(state.Index, stop.Token))
            {
                foreach (var (run, _) in drivers.Where(driver => driver.Value.IsCompleted).ToList())
                    drivers.Remove(run);
                foreach (var run in state.ActiveRuns)
                    if (!drivers.ContainsKey(run.Id)) drivers.Add(run.Id, DriveAsync(run.Id, stop));
            }
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(drivers.Values);
        }
    }

    /// <summary>A fault of one driver ends them all, and the program with them.</summary>
    private async Task DriveAsync(RunId run, CancellationTokenSource stop)
    {
        bool ended = false;
        try
        {
            await driverOf(run).RunAsync(stop.Token);
            ended = true;
        }
        finally
        {
            if (!ended) await stop.CancelAsync();
        }
    }
}
