using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
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
        while (!stoppingToken.IsCancellationRequested)
        {
            var leadership = await log.WaitToLeadAsync(stoppingToken);
            using var leading = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, leadership);
            try
            {
                await LeadAsync(leading.Token);
            }
            catch (OperationCanceledException) when (leading.IsCancellationRequested)
            {
                // Deposed, or stopping. However short the time without leading: every lease starts anew.
            }
        }
    }

    private async Task LeadAsync(CancellationToken token)
    {
        attendance.Clear();
        using var tick = new PeriodicTimer(options.Lease / 10, time);
        do await PassAsync(token);
        while (await tick.WaitForNextTickAsync(token));
    }

    internal async Task PassAsync(CancellationToken token)
    {
        var run = log.State.Active;
        attendance.ForgetStrangers(run);
        if (run is not null) await ExpireAsync(run, token);
    }

    private async Task ExpireAsync(Run run, CancellationToken token)
    {
        foreach (var trainer in run.Trainers.Values.Where(t => t.Present))
        {
            var silent = attendance.SilentFor(trainer);
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

    [LoggerMessage(EventIds.LeaseExpired, LogLevel.Information,
        "Trainer {Trainer} leaves the client set: silent for {Seconds:F1} s.")]
    private partial void LogExpired(TrainerId trainer, double seconds);
}
