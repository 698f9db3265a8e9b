using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

internal static partial class BlobLog
{
    [LoggerMessage(EventIds.BlobStored, LogLevel.Debug, "Blob {Hash} is stored, {Length} bytes.")]
    public static partial void Stored(this ILogger log, BlobHash hash, long length);

    [LoggerMessage(EventIds.BlobQuarantined, LogLevel.Error,
        "Blob {Hash} is not what its name says ({Why}); moved to {Path}.")]
    public static partial void Quarantined(this ILogger log, BlobHash hash, string why, string path);

    [LoggerMessage(EventIds.DiskFull, LogLevel.Error, "The disk under {Root} is full: blob {Hash} was refused.")]
    public static partial void DiskFull(this ILogger log, string root, BlobHash hash);

    [LoggerMessage(EventIds.PeerFailed, LogLevel.Warning, "Peer {Peer} did not take blob {Hash}: {Why}")]
    public static partial void PeerFailed(this ILogger log, int peer, BlobHash hash, string why);

    [LoggerMessage(EventIds.BlobPulled, LogLevel.Information,
        "Blob {Hash} was missing here and came from peer {Peer}.")]
    public static partial void Pulled(this ILogger log, BlobHash hash, int peer);

    [LoggerMessage(EventIds.PullFailed, LogLevel.Warning,
        "Blob {Hash} is missing here and no peer could give it: {Why}")]
    public static partial void PullFailed(this ILogger log, BlobHash hash, string why);

    [LoggerMessage(EventIds.BlobDeleted, LogLevel.Debug, "Blob {Hash} is referenced by nothing and was deleted.")]
    public static partial void Deleted(this ILogger log, BlobHash hash);

    [LoggerMessage(EventIds.BlobsCollected, LogLevel.Information,
        "{Count} blobs were referenced by nothing and are deleted.")]
    public static partial void Collected(this ILogger log, int count);

    [LoggerMessage(EventIds.CollectionSkipped, LogLevel.Warning,
        "Nothing was collected: what is still referenced could not be read ({Why}).")]
    public static partial void NotCollected(this ILogger log, string why);

    [LoggerMessage(EventIds.BackgroundPassFailed, LogLevel.Error,
        "A background pass over the blobs failed and is tried again later: {Why}")]
    public static partial void PassFailed(this ILogger log, string why);

    [LoggerMessage(EventIds.StreamCallFailed, LogLevel.Error, "A call on a weight stream failed.")]
    public static partial void CallFailed(this ILogger logger, Exception exception);
}
