using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>Where the blobs are, and the bounds of the store.</summary>
public sealed record BlobStoreOptions
{
    /// <summary>
    /// Free disk space, in bytes, that a node needs to run: below it the node stops itself. The log still has room to
    /// say why.
    /// </summary>
    public const long FreeBytesFloor = 64L << 20;

    /// <summary>Free disk space below which uploads are refused: 5 % of the disk, within these bounds.</summary>
    private const long UploadMarkMin = 512L << 20, UploadMarkMax = 10L << 30;

    /// <summary>
    /// Free disk space, in bytes, below which this node refuses uploads. It is well above <see cref="FreeBytesFloor"/>,
    /// so that uploads alone can never stop a node. At most a quarter of the disk: a small one must be of some use.
    /// </summary>
    public static long UploadMark(long diskBytes) => Math.Max(FreeBytesFloor,
        Math.Min(Math.Clamp(diskBytes / 20, UploadMarkMin, UploadMarkMax), diskBytes / 4));

    /// <summary>The node's data directory; blobs/, parts/ and quarantine/ are made in it.</summary>
    public required string Root { get; init; }

    /// <summary>Bytes of all unfinished blobs together: the full lengths of those being written.</summary>
    public long UnfinishedBytesMax { get; init; } = 64L << 30;

    /// <summary>
    /// Unfinished blobs, those being written included: forty times the uploads that a node takes at once.
    /// </summary>
    public int UnfinishedCountMax { get; init; } = 4096;

    /// <summary>Free disk space that the store leaves alone, in bytes.</summary>
    public long FreeBytesKept { get; init; } = FreeBytesFloor;

    /// <summary>How long a second sender of the same blob waits for the first one before it is told to retry.</summary>
    public TimeSpan WriterWait { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A writer that others wait for must write this many bytes in <see cref="WriterWait"/>.</summary>
    public long WriterBytesMin => (long)(PacedParts.LeastBytesPerSecond * WriterWait.TotalSeconds);

    /// <summary>Unreferenced blobs are deleted this long after their last use.</summary>
    public TimeSpan CollectAfter { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Bad blobs that are kept for inspection; older ones are deleted.</summary>
    public int QuarantinedMax { get; init; } = 8;
}

/// <summary>There is no room for a blob: the disk is full, or too many are unfinished. Nothing was kept.</summary>
public sealed class StoreFullException(string message, Exception? inner = null) : IOException(message, inner)
{
    // Linux's error numbers, which .NET passes on as HResult.
    private const int NoSpace = 28, OverQuota = 122;

    internal static bool IsDiskFull(IOException fault) => fault.HResult is NoSpace or OverQuota;

    internal static StoreFullException Disk(string root, BlobHash hash, long length, Exception? inner = null) => new(
        $"The disk under {root} has no room for blob {hash.Short} of {length} bytes; "
        + "free some space and send it again.", inner);
}
