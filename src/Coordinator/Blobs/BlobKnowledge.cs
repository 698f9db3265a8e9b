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

/// <summary>
/// When each blob was last used, in steps of this process's life instead of a clock: neither a clock that jumps nor a
/// process that was stopped makes a blob old at once.
/// Invariant: opening a blob and removing it exclude each other. A reader either has the file open and its use is
/// recorded, or it finds no file.
/// </summary>
internal sealed class BlobAges
{
    private readonly Lock _gate = new();
    private readonly Dictionary<BlobHash, int> _usedAt = [];
    private int _step;

    /// <summary>Everything that is not used grows older by one step.</summary>
    /// <param name="kept">Blobs that are older than this many steps count as never used.</param>
    public void Step(int kept)
    {
        lock (_gate)
        {
            _step++;
            foreach (var hash in _usedAt.Where(used => _step - used.Value > kept).Select(used => used.Key).ToList())
                _usedAt.Remove(hash);
        }
    }

    public void Use(BlobHash hash)
    {
        lock (_gate) _usedAt[hash] = _step;
    }

    /// <summary>Opens a blob's file; a success counts as a use.</summary>
    /// <param name="open">Returns null when there is no file.</param>
    public T? Open<T>(BlobHash hash, Func<T?> open) where T : class
    {
        lock (_gate)
        {
            if (open() is not { } opened) return null;
            _usedAt[hash] = _step;
            return opened;
        }
    }

    /// <summary>Whether the blob was not used within <paramref name="steps"/> whole steps.</summary>
    public bool IsIdle(BlobHash hash, int steps)
    {
        // A blob that this process has not seen yet counts as used when the process started.
        lock (_gate) return _step - _usedAt.GetValueOrDefault(hash) > steps;
    }

    /// <summary>Removes a blob's file if it was not used within <paramref name="steps"/> whole steps.</summary>
    /// <param name="remove">Returns false if it did not remove the file.</param>
    public bool RemoveIdle(BlobHash hash, int steps, Func<bool> remove)
    {
        lock (_gate) return IsIdle(hash, steps) && Remove(hash, remove);
    }

    /// <summary>Removes a blob's file, whatever its age.</summary>
    public bool Remove(BlobHash hash, Func<bool> remove)
    {
        lock (_gate)
        {
            if (!remove()) return false;
            _usedAt.Remove(hash);
            return true;
        }
    }
}
