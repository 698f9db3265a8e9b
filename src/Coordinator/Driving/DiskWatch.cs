using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Peering;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Watches the free space of this node's disk. Below the upload mark, this node takes no uploads: operators are told,
/// and a leader makes way for a node with more room. Below the floor, the node stops before its disk is full. It
/// catches up once it is restarted with room on its disk.
/// </summary>
/// <param name="stepDown">Null: this node cannot give up its leadership.</param>
internal sealed class DiskWatch(
    CoordinatorOptions options, IReplicatedLog log, OperatorNotices notices, EmergencyStop emergency,
    TimeProvider time, StepDown? stepDown = null)
    : BackgroundService
{
    private const string Topic = "disk";

    /// <summary>If all disks are nearly full, leadership moves no more often than this.</summary>
    private static readonly TimeSpan _stepDownEvery = TimeSpan.FromMinutes(1);

    private long _steppedDownAt;

    /// <summary>With less free space, no blob can be stored.</summary>
    public const long BytesKept = BlobStoreOptions.FreeBytesFloor;

    private static readonly TimeSpan _period = TimeSpan.FromMilliseconds(500);

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
        using var timer = new PeriodicTimer(_period, time);
        do
        {
            if (Lack(options.DataDirectory) is { } lack) emergency.Broken(new IOException(lack));
            else await WarnAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task WarnAsync(CancellationToken token)
    {
        var disk = new DriveInfo(options.DataDirectory);
        long mark = BlobStoreOptions.UploadMark(disk.TotalSize), free = disk.AvailableFreeSpace;
        if (free >= mark)
        {
            notices.Withdraw(Topic);
            return;
        }
        notices.Post(Topic, $"This node refuses uploads: its disk has {free >> 20} MiB left, and uploads need "
            + $"{mark >> 20} MiB. Free some space.");
        if (stepDown is null || !log.Leadership.IsLeader) return;
        if (_steppedDownAt != 0 && time.GetElapsedTime(_steppedDownAt) < _stepDownEvery) return;
        _steppedDownAt = time.GetTimestamp();
        await stepDown(token);
    }
}
