namespace Quorate.Coordinator.Blobs;

/// <summary>Where blobs lie, and the bounds of the store.</summary>
public sealed record BlobStoreOptions
{
    /// <summary>The node's data directory; blobs/, parts/ and quarantine/ are made in it.</summary>
    public required string Root { get; init; }

    /// <summary>
    /// Bytes of all unfinished blobs together, by their full lengths. Idle ones make room, oldest first.
    /// </summary>
    public long PartsBytesMax { get; init; } = 64L << 30;

    /// <summary>
    /// Disk space left alone, so that the log can still say what happened when blobs have filled the rest.
    /// </summary>
    public long FreeBytesKept { get; init; } = 64L << 20;

    /// <summary>
    /// How long a second sender of the same blob waits for the first before it is told to come again.
    /// </summary>
    public TimeSpan WriterWait { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Bad blobs kept for a look; older ones are deleted.</summary>
    public int QuarantinedMax { get; init; } = 8;
}
