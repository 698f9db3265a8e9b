using System.Diagnostics.CodeAnalysis;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Peering;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Shared.Text;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Watches the free space of this node's disk. Below the upload mark, this node refuses uploads: operators are told,
/// and a leader steps down in favour of a node with more room. Below the floor, the node stops before its disk is full.
/// It catches up once it is restarted with room on its disk.
/// </summary>
/// <param name="stepDown">Null: this node cannot give up its leadership.</param>
internal sealed class DiskWatch(
    CoordinatorOptions options, IReplicatedLog log, OperatorNotices notices, EmergencyStop emergency,
    MeasureDisk measure, TimeProvider time, StepDown? stepDown = null)
    : BackgroundService
{
    /// <summary>With less free space, no blob can be stored.</summary>
    public const long BytesKept = BlobStoreOptions.FreeBytesFloor;

    /// <summary>If all disks are nearly full, leadership moves no more often than this.</summary>
    public static readonly TimeSpan StepDownEvery = TimeSpan.FromMinutes(1);

    private const string Topic = "disk";

    private static readonly TimeSpan _period = TimeSpan.FromMilliseconds(500);

    private long? _steppedDownAt;

    public static DiskSpace Measure(string directory)
    {
        var drive = new DriveInfo(directory);
        return new DiskSpace(drive.AvailableFreeSpace, drive.TotalSize);
    }

    /// <summary>Whether the disk of <paramref name="directory"/> has too little room for a node.</summary>
    public static bool IsFull(string directory, MeasureDisk measure, [NotNullWhen(true)] out string? why)
    {
        long free = measure(directory).Free;
        why = free >= BytesKept
            ? null
            : $"The disk under {directory} has {PlainText.Count(free, "byte")} left, and a node needs "
                + $"{BytesKept}: make room and start this one again.";
        return why is not null;
    }

    /// <summary>Deletes unfinished blobs if a node that is about to start has too little room without that.</summary>
    /// <exception cref="DiskFullException">There is too little room all the same.</exception>
    public static void MakeRoom(string directory, MeasureDisk measure)
    {
        if (!IsFull(directory, measure, out _)) return;
        BlobFiles.DeleteUnfinished(directory);
        if (IsFull(directory, measure, out string? why)) throw new DiskFullException(why);
    }

    /// <summary>Looks at the disk once.</summary>
    internal async Task LookAsync(CancellationToken token)
    {
        if (IsFull(options.DataDirectory, measure, out string? why))
        {
            emergency.Broken(new IOException(why));
            return;
        }
        var space = measure(options.DataDirectory);
        long mark = BlobStoreOptions.UploadMark(space.Total);
        if (space.Free >= mark)
        {
            notices.Withdraw(Topic);
            return;
        }
        notices.Post(Topic, $"This node refuses uploads: its disk has {space.Free >> 20} MiB left, and uploads need "
            + $"{mark >> 20} MiB. Free some space.");
        if (stepDown is null || !log.Leadership.IsLeader) return;
        if (_steppedDownAt is { } last && time.GetElapsedTime(last) < StepDownEvery) return;
        _steppedDownAt = time.GetTimestamp();
        await stepDown(token);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(_period, time);
        do await LookAsync(stoppingToken);
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}

/// <summary>Bytes of a disk.</summary>
internal readonly record struct DiskSpace(long Free, long Total);

/// <summary>Measures the disk of a directory.</summary>
internal delegate DiskSpace MeasureDisk(string directory);
