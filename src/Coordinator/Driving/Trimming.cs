using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Gives memory back that is not used any more, so that a coordinator that runs for weeks is no larger than one that
/// runs for an hour.
/// </summary>
internal sealed class Trimming(TimeProvider time) : BackgroundService
{
    /// <summary>Some MB collect in this time.</summary>
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Collecting 26 MB of small objects in full takes 20 ms, on a busy machine 55 MB take a tenth of a second: less
    /// than an election's silence. A larger heap is left to the runtime; 350 MB, as with 10,000 trainers that attend,
    /// would take 0.4 s.
    /// </summary>
    private const long SmallHeapBytes = 48 << 20;

    /// <summary>
    /// Each round replaces a part of the state that has grown old: the upper nodes of the trail's tree. What has grown
    /// old the runtime collects when it doubles, which is once in a quarter of an hour or two, and 20 MB.
    /// </summary>
    internal static void Collect(long smallHeapBytes)
    {
        if (GC.GetGCMemoryInfo(GCKind.Any).HeapSizeBytes >= smallHeapBytes) return;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Collect(SmallHeapBytes);
            NativeHeap.Trim();
        }
    }
}
