using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Settings;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Stops this node before its disk is full, because a leader that cannot store anything would block every round. The
/// other nodes continue; this one catches up once it is restarted with room on its disk.
/// </summary>
internal sealed class DiskWatch(CoordinatorOptions options, EmergencyStop emergency, TimeProvider time)
    : BackgroundService
{
    /// <summary>With less free space, no blob can be stored.</summary>
    public const long BytesKept = BlobStoreOptions.FreeBytesFloor;

    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(500);

    /// <summary>Why the disk of <paramref name="directory"/> has too little room; null if it has enough.</summary>
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
