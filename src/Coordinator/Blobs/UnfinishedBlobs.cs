using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Which blobs are being written, and which unfinished ones wait for the rest of their bytes. An index: nothing lists
/// the directory after the start.
/// Invariant: at most one holder of a claim per hash, and an unfinished blob is written or deleted only under its
/// claim.
/// </summary>
internal sealed class UnfinishedBlobs
{
    private readonly Lock _gate = new();
    private readonly Dictionary<BlobHash, Claim> _claims = [];

    /// <summary>Unfinished blobs without a writer, in the order in which their writers left.</summary>
    private readonly LinkedList<StoredBlob> _idle = new();

    private readonly Dictionary<BlobHash, LinkedListNode<StoredBlob>> _idleByHash = [];
    private readonly BlobStoreOptions _options;
    private long _claimedBytes, _idleBytes;

    /// <param name="options">The bounds.</param>
    /// <param name="found">The unfinished blobs on the disk, the oldest first.</param>
    public UnfinishedBlobs(BlobStoreOptions options, IEnumerable<StoredBlob> found)
    {
        _options = options;
        foreach (var blob in found) AddIdle(blob.Hash, blob.Length);
    }

    /// <summary>Bytes that the writers have been promised and have not written yet.</summary>
    public long PromisedBytes
    {
        get
        {
            lock (_gate) return _claims.Values.Sum(claim => claim.Missing);
        }
    }

    public bool IsClaimed(BlobHash hash)
    {
        lock (_gate) return _claims.ContainsKey(hash);
    }

    /// <summary>Claims a blob for one writer. False: <paramref name="claim"/> is another writer's.</summary>
    public bool TryClaim(BlobHash hash, long length, out Claim claim)
    {
        lock (_gate)
        {
            if (_claims.TryGetValue(hash, out claim!)) return false;
            RemoveIdle(hash);
            _claims.Add(hash, claim = new Claim(length));
            _claimedBytes += length;
            return true;
        }
    }

    /// <summary>The writer has left; <paramref name="kept"/> bytes of the blob wait for the next one.</summary>
    public void Release(BlobHash hash, long kept)
    {
        Claim? claim;
        lock (_gate)
        {
            if (!_claims.Remove(hash, out claim)) return;
            _claimedBytes -= claim.Length;
            if (kept > 0) AddIdle(hash, kept);
        }
        claim.Leave();
    }

    /// <summary>Makes room for a blob that was just claimed. The oldest idle ones go first.</summary>
    /// <param name="delete">Deletes what there is of an idle blob.</param>
    /// <exception cref="StoreFullException">The claimed blobs alone exceed the bounds.</exception>
    public void MakeRoom(Action<BlobHash> delete)
    {
        lock (_gate)
        {
            while (IsOver() && _idle.First is { } oldest)
            {
                var hash = oldest.Value.Hash;
                RemoveIdle(hash);
                delete(hash);
            }
            if (!IsOver()) return;
        }
        throw new StoreFullException(
            $"This node keeps at most {_options.UnfinishedCountMax} unfinished blobs of together "
            + $"{_options.UnfinishedBytesMax} bytes, and one more is too many; send it again when some are done.");

        bool IsOver() => _claimedBytes + _idleBytes > _options.UnfinishedBytesMax
            || _claims.Count + _idle.Count > _options.UnfinishedCountMax;
    }

    private void AddIdle(BlobHash hash, long length)
    {
        _idleByHash.Add(hash, _idle.AddLast(new StoredBlob(hash, length)));
        _idleBytes += length;
    }

    private void RemoveIdle(BlobHash hash)
    {
        if (!_idleByHash.Remove(hash, out var node)) return;
        _idle.Remove(node);
        _idleBytes -= node.Value.Length;
    }

    /// <summary>One writer's hold on a blob.</summary>
    internal sealed class Claim(long length)
    {
        private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private long _written;

        /// <summary>Bytes of the whole blob.</summary>
        public long Length => length;

        /// <summary>Completes when the writer has left.</summary>
        public Task Left => _left.Task;

        /// <summary>Ends the writer's transfer: it is slow, and another one waits.</summary>
        public Action Evict { get; set; } = static () => { };

        public long Missing => length - Interlocked.Read(ref _written);

        public void Wrote(long have) => Interlocked.Exchange(ref _written, have);

        public void Leave() => _left.TrySetResult();
    }
}
