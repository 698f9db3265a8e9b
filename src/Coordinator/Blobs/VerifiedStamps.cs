using Quorate.Coordinator.Disk;
using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// What this process knows of its blobs' content: which files had the right hash, and which blobs turned out bad.
/// Invariant: a stamp is remembered only for a file that was durable and had the right hash in this process.
/// </summary>
internal sealed class VerifiedStamps
{
    private readonly Lock _gate = new();
    private readonly Dictionary<BlobHash, FileStamp> _verified = [];
    private readonly HashSet<BlobHash> _lost = [];

    /// <summary>The stamp that the blob's file had when it was verified. False: it was not.</summary>
    public bool TryGet(BlobHash hash, out FileStamp stamp)
    {
        lock (_gate) return _verified.TryGetValue(hash, out stamp);
    }

    public void Remember(BlobHash hash, FileStamp stamp)
    {
        lock (_gate) _verified[hash] = stamp;
    }

    /// <summary>The next look at the blob hashes it.</summary>
    public void Forget(BlobHash hash)
    {
        lock (_gate) _verified.Remove(hash);
    }

    /// <summary>Whether this node held the blob until it turned out bad, and does not hold it again yet.</summary>
    public bool IsLost(BlobHash hash)
    {
        lock (_gate) return _lost.Contains(hash);
    }

    /// <summary>The blob turned out bad.</summary>
    public void Lost(BlobHash hash)
    {
        lock (_gate)
        {
            _verified.Remove(hash);
            _lost.Add(hash);
        }
    }

    /// <summary>The blob is stored, perhaps again.</summary>
    public void Stored(BlobHash hash, FileStamp stamp)
    {
        lock (_gate)
        {
            _verified[hash] = stamp;
            _lost.Remove(hash);
        }
    }
}
