using System.Diagnostics.Metrics;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>What the blob store counts, under the meter "Quorate.Blobs".</summary>
public static class BlobMeter
{
    public const string Name = "Quorate.Blobs";

    private static readonly Meter _meter = new(Name);

    internal static readonly Counter<long> Received = _meter.CreateCounter<long>("quorate.blobs.received", "By");
    internal static readonly Counter<long> Sent = _meter.CreateCounter<long>("quorate.blobs.sent", "By");
    internal static readonly Counter<long> Flushes = _meter.CreateCounter<long>("quorate.blobs.fsyncs", "{call}");
    internal static readonly Counter<long> Quarantined = _meter.CreateCounter<long>(
        "quorate.blobs.quarantined", "{blob}");
    internal static readonly Counter<long> Repaired = _meter.CreateCounter<long>("quorate.blobs.repaired", "{blob}");
}

/// <summary>The log events of the blob store.</summary>
internal static partial class BlobLog
{
    [LoggerMessage(EventIds.BlobStored, LogLevel.Debug, "Stored blob {Hash}, bytes {Length}.")]
    public static partial void Stored(this ILogger log, BlobHash hash, long length);

    [LoggerMessage(EventIds.BlobQuarantined, LogLevel.Error,
        "Blob {Hash} does not match its name ({Why}); moved it to {Path}.")]
    public static partial void Quarantined(this ILogger log, BlobHash hash, string why, string path);

    [LoggerMessage(EventIds.DiskFull, LogLevel.Error, "The disk under {Root} is full; refused blob {Hash}.")]
    public static partial void DiskFull(this ILogger log, string root, BlobHash hash);

    [LoggerMessage(EventIds.PeerFailed, LogLevel.Warning, "Peer {Peer} did not store blob {Hash}: {Why}")]
    public static partial void PeerFailed(this ILogger log, int peer, BlobHash hash, string why);

    [LoggerMessage(EventIds.BlobPulled, LogLevel.Information, "Pulled missing blob {Hash} from peer {Peer}.")]
    public static partial void Pulled(this ILogger log, BlobHash hash, int peer);

    [LoggerMessage(EventIds.PullFailed, LogLevel.Warning,
        "Blob {Hash} is missing here and no peer could send it; retrying on the next pass. {Why}")]
    public static partial void PullFailed(this ILogger log, BlobHash hash, string why);

    [LoggerMessage(EventIds.BlobDeleted, LogLevel.Debug, "Deleted blob {Hash}: nothing references it.")]
    public static partial void Deleted(this ILogger log, BlobHash hash);

    [LoggerMessage(EventIds.BlobsCollected, LogLevel.Information, "Deleted blobs that nothing references: {Count}.")]
    public static partial void Collected(this ILogger log, int count);

    [LoggerMessage(EventIds.CollectionSkipped, LogLevel.Warning,
        "Deleted no blobs: the references could not be read ({Why}). Retrying on the next pass.")]
    public static partial void NotCollected(this ILogger log, string why);

    [LoggerMessage(EventIds.BackgroundPassFailed, LogLevel.Error,
        "A background pass over the blobs failed; retrying on the next pass. {Why}")]
    public static partial void PassFailed(this ILogger log, string why);

    [LoggerMessage(EventIds.StreamCallFailed, LogLevel.Error, "A call on a weight stream failed.")]
    public static partial void CallFailed(this ILogger logger, Exception exception);
}
