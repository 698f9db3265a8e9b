using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// The leader's watch over the client set: a trainer silent past its lease leaves it, as a committed fact. The lease
/// of a trainer that this leader has not heard from yet starts when the leadership does.
/// </summary>
internal sealed partial class Leases(
    IReplicatedLog log, Attendance attendance, CoordinatorOptions options, TimeProvider time, ILogger<Leases> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(options.Lease / 10, time);
        long leadingSince = 0;
        while (await tick.WaitForNextTickAsync(stoppingToken))
        {
            if (!log.Leadership.IsLeader)
            {
                if (leadingSince != 0) attendance.Clear();
                leadingSince = 0;
                continue;
            }
            if (leadingSince == 0) leadingSince = time.GetTimestamp();
            if (log.State.Active is { } run) await ExpireAsync(run, time.GetElapsedTime(leadingSince), stoppingToken);
        }
    }

    private async Task ExpireAsync(Run run, TimeSpan leadingFor, CancellationToken token)
    {
        foreach (var trainer in run.Trainers.Values.Where(t => t.Present))
        {
            var silent = attendance.SilentFor(trainer.Id, trainer.Incarnation) ?? leadingFor;
            if (silent <= options.Lease) continue;
            LogExpired(trainer.Id, silent.TotalSeconds);
            try
            {
                long now = time.GetUtcNow().ToUnixTimeMilliseconds();
                await log.ProposeAsync(new Command.Leave(run.Id, trainer.Id, trainer.Incarnation, now), token);
            }
            catch (Exception e) when (e is NotLeaderException or OutcomeUnknownException)
            {
                return; // The next leader, or the next tick, sees the same state and does the same.
            }
        }
    }

    [LoggerMessage(3010, LogLevel.Information, "Trainer {Trainer} leaves the client set: silent for {Seconds:F1} s.")]
    private partial void LogExpired(TrainerId trainer, double seconds);
}
