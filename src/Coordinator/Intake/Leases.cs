using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// The leader removes trainers from the client set, as a committed fact: those that sent nothing for a whole lease, and
/// at once those that said that they end. A trainer that has not yet sent anything to this leader has a lease from the
/// leadership's start.
/// </summary>
internal sealed partial class Leases(
    IReplicatedLog log, Attendance attendance, CoordinatorOptions options, TimeProvider time, ILogger<Leases> logger)
    : BackgroundService
{
    private static readonly TimeSpan _tickMax = TimeSpan.FromSeconds(1);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        LeaderLoop.RunAsync(log, LeadAsync, stoppingToken);

    private async Task LeadAsync(CancellationToken token)
    {
        attendance.Clear(); // Every lease starts again, however briefly this node did not lead.
        // Often enough that a trainer that says that it ends is gone at once, however long its lease.
        using var tick = new PeriodicTimer(options.Lease < _tickMax * 10 ? options.Lease / 10 : _tickMax, time);
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
            if (attendance.Find(trainer) is { Contact: Attendance.Contact.Left }) LogLeft(trainer.Id, run.Id);
            else if (silent > options.Lease) LogExpired(trainer.Id, run.Id, silent.TotalSeconds);
            else continue;
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

    [LoggerMessage(EventIds.TrainerLeft, LogLevel.Information,
        "Trainer {Trainer} leaves the client set of run {Run}: its process ends.")]
    private partial void LogLeft(TrainerId trainer, RunId run);

    [LoggerMessage(EventIds.LeaseExpired, LogLevel.Information,
        "Trainer {Trainer} leaves the client set of run {Run}: silent for {Seconds:F1} s.")]
    private partial void LogExpired(TrainerId trainer, RunId run, double seconds);
}
