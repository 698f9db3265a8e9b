using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// The leader removes silent trainers from the client set: a trainer that sends nothing for a whole lease leaves, as a
/// committed fact. A trainer that has not yet sent anything to this leader has a lease from the leadership's start.
/// </summary>
internal sealed partial class Leases(
    IReplicatedLog log, Attendance attendance, CoordinatorOptions options, TimeProvider time, ILogger<Leases> logger)
    : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        LeaderLoop.RunAsync(log, LeadAsync, stoppingToken);

    private async Task LeadAsync(CancellationToken token)
    {
        attendance.Clear(); // Every lease starts again, however briefly this node did not lead.
        using var tick = new PeriodicTimer(options.Lease / 10, time);
        do await PassAsync(token);
        while (await tick.WaitForNextTickAsync(token));
    }

    internal async Task PassAsync(CancellationToken token)
    {
        var runs = log.State.ActiveRuns.ToList();
        attendance.ForgetStrangers(runs);
        foreach (var run in runs) await ExpireAsync(run, token);
    }

    private async Task ExpireAsync(Run run, CancellationToken token)
    {
        foreach (var trainer in run.Trainers.Values.Where(t => t.Present))
        {
            var silent = attendance.SilentFor(trainer);
            if (silent <= options.Lease) continue;
            LogExpired(trainer.Id, run.Id, silent.TotalSeconds);
            try
            {
                long now = time.GetUtcNow().ToUnixTimeMilliseconds();
                await log.ProposeAsync(new Command.Leave(run.Id, trainer.Id, trainer.Incarnation, now), token);
            }
            catch (Exception e) when (e is NotLeaderException or OutcomeUnknownException)
            {
                return; // The next leader or the next tick sees the same state and proposes the same.
            }
        }
    }

    [LoggerMessage(EventIds.LeaseExpired, LogLevel.Information,
        "Trainer {Trainer} leaves the client set of run {Run}: silent for {Seconds:F1} s.")]
    private partial void LogExpired(TrainerId trainer, RunId run, double seconds);
}
