using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// There is no room for a blob: the disk is full, or too many uploads are unfinished. Nothing was kept of it.
/// </summary>
public sealed class StoreFullException(string message, Exception? inner = null) : IOException(message, inner)
{
    // Linux's numbers, which .NET passes on as HResult.
    private const int NoSpace = 28, OverQuota = 122;

    internal static bool IsDiskFull(IOException fault) => fault.HResult is NoSpace or OverQuota;

    internal static StoreFullException Disk(string root, BlobHash hash, long length, Exception? inner = null) => new(
        $"The disk under {root} has no room for blob {hash.Short} of {length} bytes; "
        + "free some space and send it again.", inner);
}
