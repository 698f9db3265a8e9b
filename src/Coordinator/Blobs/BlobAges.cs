using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

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
    public void Step()
    {
        lock (_gate) _step++;
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

    /// <summary>Whether nobody used the blob within <paramref name="steps"/> whole steps.</summary>
    public bool IsIdle(BlobHash hash, int steps)
    {
        // A blob that this process has not seen yet counts as used when the process started.
        lock (_gate) return _step - _usedAt.GetValueOrDefault(hash) > steps;
    }

    /// <summary>Removes a blob's file if nobody used it within <paramref name="steps"/> whole steps.</summary>
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

    public void Forget(BlobHash hash)
    {
        lock (_gate) _usedAt.Remove(hash);
    }
}
