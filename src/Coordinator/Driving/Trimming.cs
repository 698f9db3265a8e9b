using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Returns freed native memory to the system, so that a coordinator does not grow over weeks.
/// </summary>
internal sealed class Trimming(TimeProvider time) : BackgroundService
{
    /// <summary>A few MB accumulate in this time; returning them takes about a millisecond.</summary>
    private static readonly TimeSpan _period = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(_period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken)) NativeHeap.Trim();
    }
}
