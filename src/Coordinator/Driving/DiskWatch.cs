using Quorate.Coordinator.Settings;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Stops this node in good order before its disk is full: a leader that can store nothing more would hold up every
/// round. The others go on without this node; started again with room, it catches up.
/// </summary>
internal sealed class DiskWatch(CoordinatorOptions options, EmergencyStop emergency, TimeProvider time)
    : BackgroundService
{
    /// <summary>What blobs leave free (BlobStoreOptions.FreeBytesKept): with less, none can be stored.</summary>
    public const long BytesKept = 64L << 20;

    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(500);

    /// <summary>What lacks on the disk of <paramref name="directory"/>, as a sentence; null: there is room.</summary>
    public static string? Lack(string directory)
    {
        long free = new DriveInfo(directory).AvailableFreeSpace;
        return free >= BytesKept
            ? null
            : $"The disk under {directory} has {free} bytes left, and a node needs {BytesKept}: make room and start "
                + "this one again.";
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            if (Lack(options.DataDirectory) is { } lack) emergency.Broken(new IOException(lack));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
