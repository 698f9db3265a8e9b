using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// The blobs on this node's disk, by their SHA-256 (<see cref="BlobFiles"/> lists the files). A blob is written to
/// parts/, flushed, renamed into blobs/, and the directory is flushed. Only then is anyone told.
/// Invariant: a blob that <see cref="HasAsync"/> reports was durable and had the right hash at some time in this
/// process, and its file has not changed since: a file whose size, inode or times differ is hashed again first, and a
/// bad one goes to quarantine.
/// Invariant: whoever holds the lock of a part asks only parts that come later in: ages, recycled, unfinished.
/// </summary>
public sealed class BlobStore : IDisposable
{
    /// <summary>Whole steps that an unreferenced blob is kept after its last use: see <see cref="Step"/>.</summary>
    public const int KeptSteps = 4;

    /// <summary>Waits for other writers of a blob before a new one is turned away.</summary>
    private const int WaitsMax = 3;

    /// <summary>
    /// Larger files are not recycled: being able to resume an upload after a restart is worth more for them.
    /// </summary>
    public const long RecycledBytesMax = 64 << 20;

    private readonly BlobAges _ages = new();
    private readonly VerifiedStamps _stamps = new();
    private readonly BlobFiles _files;
    private readonly UnfinishedBlobs _unfinished;
    private readonly RecycledFiles _recycled;
    private readonly SemaphoreSlim _hashing = new(1);
    private readonly BlobStoreOptions _options;
    private readonly IDisk _disk;
    private readonly TimeProvider _time;
    private readonly ILogger<BlobStore> _log;

    public BlobStore(BlobStoreOptions options, IDisk disk, TimeProvider time, ILogger<BlobStore> log)
    {
        (_options, _disk, _time, _log) = (options, disk, time, log);
        _files = new BlobFiles(options, disk, time, log);
        foreach (var hash in _files.Quarantined().Where(hash => !Exists(hash))) _stamps.Lost(hash);
        _unfinished = new UnfinishedBlobs(options, _files.ListParts());
        _recycled = new RecycledFiles(_files.Parts, Exists);
    }

    /// <summary>
    /// A blob of this node turned out bad and is gone. Raised on the thread that found it; handlers must not block.
    /// </summary>
    public event Action? FoundBad;

    /// <summary>Blobs whose purpose is remembered, see <see cref="RecordPurpose"/>.</summary>
    internal int PurposeCount => _recycled.PurposeCount;

    /// <summary>
    /// The path of a blob, whether or not it is here. Reading it directly skips verification: call
    /// <see cref="HasAsync"/> first.
    /// </summary>
    public string PathOf(BlobHash hash) => _files.PathOf(hash);

    /// <summary>Bytes of a blob that is unfinished here; 0: none.</summary>
    public long PartLength(BlobHash hash) => _files.PartLength(hash);

    /// <summary>Whether there is a file of this name, verified or not.</summary>
    public bool Exists(BlobHash hash) => _files.Exists(hash);

    /// <summary>Whether this node held the blob until it turned out bad, and does not hold it again yet.</summary>
    public bool HasLost(BlobHash hash) => _stamps.IsLost(hash);

    /// <summary>
    /// Whether this node holds the blob, verified and durable. Protects it from the collector for a grace period.
    /// </summary>
    public async Task<bool> HasAsync(BlobHash hash, CancellationToken token)
    {
        using var file = await OpenAsync(hash, token);
        return file is not null;
    }

    /// <summary>
    /// Opens a blob for reading, verified. Null: this node does not hold it, or it turned out bad just now.
    /// </summary>
    public async Task<SafeFileHandle?> OpenAsync(BlobHash hash, CancellationToken token)
    {
        if (Open(hash) is not { } file) return null;
        if (IsVerified(hash, file)) return file;
        // Opened again once it is this reader's turn to hash: a good copy may have replaced the file by then.
        file.Dispose();
        await _hashing.WaitAsync(token);
        try
        {
            return await _disk.RunAsync(() => OpenVerified(hash), token);
        }
        finally
        {
            _hashing.Release();
        }
    }

    /// <summary>
    /// Hashes a blob even if it is known to be good. False: it was bad and is quarantined, or it is not here.
    /// </summary>
    public Task<bool> RehashAsync(BlobHash hash, CancellationToken token)
    {
        _stamps.Forget(hash);
        return HasAsync(hash, token);
    }

    /// <summary>Drops a blob's bytes from the kernel's cache, if the blob is here. The blob stays.</summary>
    public Task ForgetAsync(BlobHash hash, CancellationToken token) =>
        _disk.RunAsync(() => _files.DropFromCache(hash), token);

    /// <summary>A path for a file that is written here and adopted later. It does not outlive a restart.</summary>
    public string NewDraft() => _files.NewDraft();

    /// <summary>The draft at a path whose writer did not hash it.</summary>
    public Task<ModelDraft> DraftAsync(string path, CancellationToken token) => _disk.RunAsync(
        () =>
        {
            using var file = File.OpenHandle(path);
            return new ModelDraft(path, FileHash.Of(file), RandomAccess.GetLength(file));
        },
        token);

    /// <summary>Makes a draft a blob, durably.</summary>
    public Task AdoptAsync(ModelDraft draft, CancellationToken token) => _disk.RunAsync(
        () =>
        {
            RecordPurpose(draft.Hash, null);
            using var file = File.OpenHandle(draft.Path, FileMode.Open, FileAccess.ReadWrite);
            Publish(draft.Hash, file, draft.Path);
            return true;
        },
        token);

    /// <summary>
    /// Begins or resumes writing a blob of <paramref name="length"/> bytes. Null: another writer has it, and had it
    /// after a wait too; if it was slow, it was asked to leave. Call <see cref="HasAsync"/> before and after a wait.
    /// </summary>
    /// <param name="hash">The blob's name.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="token">Stops waiting.</param>
    /// <param name="uploaded">
    /// True: somebody offers the blob, and it is refused while free disk space is low
    /// (<see cref="BlobStoreOptions.UploadMark"/>). False: the state names it.
    /// </param>
    /// <exception cref="StoreFullException">There is no room.</exception>
    public async Task<BlobWriter?> BeginAsync(
        BlobHash hash, long length, CancellationToken token, bool uploaded = false)
    {
        UnfinishedBlobs.Claim claim;
        for (int waits = 0; !_unfinished.TryClaim(hash, length, out claim); waits++)
        {
            if (waits == WaitsMax) return null;
            long missing = claim.Missing;
            try
            {
                await claim.Left.WaitAsync(_options.WriterWait, _time, token);
            }
            catch (TimeoutException)
            {
                // Whoever knows a blob's name could hold it with a byte now and then, and keep the others from it.
                if (claim.Missing == 0 || missing - claim.Missing >= _options.WriterBytesMin) return null;
                claim.Evict();
            }
        }
        try
        {
            MakeRoom(hash, length, uploaded);
            // What is there of the blob is hashed again, which may take long.
            return PartLength(hash) > 0 ? await _disk.RunAsync(Begin, token) : Begin();
        }
        catch
        {
            Release(hash);
            throw;
        }

        BlobWriter Begin()
        {
            bool spared = length <= RecycledBytesMax & PartLength(hash) == 0 & _recycled.TryTake(out string spare);
            return BlobWriter.Open(this, _disk, hash, claim, _files.PartOf(hash), spared ? spare : null);
        }
    }

    /// <summary>All blobs here, in the order of their hashes, verified or not.</summary>
    public IEnumerable<StoredBlob> List() => _files.List();

    /// <summary>All unfinished blobs here.</summary>
    public IEnumerable<StoredBlob> ListParts() => _files.ListParts();

    /// <summary>Records what a blob arrives for, before anyone asks whether it is here. Null: not an update.</summary>
    public void RecordPurpose(BlobHash hash, UpdateRound? round) => _recycled.RecordPurpose(hash, round);

    /// <summary>
    /// Recycles the files of updates whose round has ended, except those that are kept. Files recycled earlier that
    /// found no use are deleted.
    /// </summary>
    /// <param name="hasEnded">Whether a round has ended in a state that this node has applied.</param>
    /// <param name="kept">The blobs that this state still names.</param>
    public Task ReuseAsync(
        Func<UpdateRound, bool> hasEnded, Func<IReadOnlySet<BlobHash>> kept, CancellationToken token) =>
        _disk.RunAsync(
            () =>
            {
                DeleteSpares();
                var ended = _recycled.Ended(hasEnded);
                if (ended.Count == 0) return 0;
                var keep = kept();
                return ended.Count(hash => !keep.Contains(hash) && TryRecycle(hash, hasEnded));
            },
            token);

    /// <summary>Deletes the recycled files that wait to be overwritten.</summary>
    public void DeleteSpares()
    {
        while (_recycled.TryTake(out string spare)) _disk.Delete(spare);
    }

    /// <summary>A step of this process's life, by which unused blobs grow older.</summary>
    public void Step()
    {
        _ages.Step(KeptSteps);
        _recycled.ForgetMissing(_unfinished.IsClaimed);
    }

    /// <summary>
    /// Deletes a blob, finished or not, unless it is being written or was used within <see cref="KeptSteps"/>.
    /// </summary>
    public bool DeleteIdle(BlobHash hash)
    {
        if (!_ages.IsIdle(hash, KeptSteps) || !_unfinished.TryClaim(hash, 0, out _)) return false;
        try
        {
            return _ages.RemoveIdle(hash, KeptSteps, () =>
            {
                _stamps.Forget(hash);
                _recycled.Forget(hash);
                _files.Delete(hash);
                return true;
            });
        }
        finally
        {
            _unfinished.Release(hash, PartLength(hash));
        }
    }

    public void Dispose() => _hashing.Dispose();

    /// <summary>Makes the file the blob, durably; then this node holds it.</summary>
    internal void Publish(BlobHash hash, SafeFileHandle file, string from)
    {
        _files.Publish(hash, file, from);
        _ages.Use(hash);
        _stamps.Stored(hash, _files.StampOf(hash, file));
        _log.Stored(hash, RandomAccess.GetLength(file));
    }

    /// <summary>The writer has left.</summary>
    internal void Release(BlobHash hash)
    {
        long kept = PartLength(hash);
        if (kept > 0) _ages.Use(hash);
        _unfinished.Release(hash, kept);
    }

    internal StoreFullException Full(BlobHash hash, long length, string path, Exception inner) =>
        _files.Full(hash, length, path, inner);

    internal void Quarantine(BlobHash hash, string path, string why)
    {
        _stamps.Forget(hash);
        _files.Quarantine(hash, path, why);
    }

    private SafeFileHandle? Open(BlobHash hash) => Exists(hash) // Most lookups miss; avoid the exception.
        ? _ages.Open(hash, () => _files.Open(hash))
        : null;

    private SafeFileHandle? OpenVerified(BlobHash hash)
    {
        if (Open(hash) is not { } file) return null;
        bool good = false;
        try
        {
            good = IsVerified(hash, file) || Verify(hash, file);
            return good ? file : null;
        }
        finally
        {
            if (!good) file.Dispose();
        }
    }

    private bool IsVerified(BlobHash hash, SafeFileHandle file) =>
        _stamps.TryGet(hash, out var stamp) && stamp == _files.StampOf(hash, file);

    private bool Verify(BlobHash hash, SafeFileHandle file)
    {
        var stamp = _files.StampOf(hash, file);
        if (FileHash.Of(file) != hash)
        {
            if (_files.TryQuarantine(hash, stamp, () => _stamps.Lost(hash))) FoundBad?.Invoke();
            return false;
        }
        // Its name may come from a rename just before a crash, or just now on another thread: make the name durable.
        _files.FlushName(hash);
        _stamps.Remember(hash, stamp);
        return true;
    }

    private bool TryRecycle(BlobHash hash, Func<UpdateRound, bool> hasEnded)
    {
        if (new FileInfo(PathOf(hash)) is not { Exists: true, Length: <= RecycledBytesMax }) return false;
        if (!_unfinished.TryClaim(hash, 0, out _)) return false;
        try
        {
            return _ages.Remove(hash, () => _recycled.TryRecycle(hash, hasEnded, spare =>
            {
                if (!_disk.TryTake(PathOf(hash), spare)) return false;
                _stamps.Forget(hash);
                return true;
            }));
        }
        finally
        {
            _unfinished.Release(hash, PartLength(hash));
        }
    }

    private void MakeRoom(BlobHash hash, long length, bool uploaded)
    {
        long kept = _options.FreeBytesKept;
        if (uploaded) kept = Math.Max(kept, BlobStoreOptions.UploadMark(_disk.TotalBytes(_files.Parts)));
        if (!HasRoom())
        {
            DeleteSpares();
            if (!HasRoom()) throw _files.Full(hash, length, _files.PartOf(hash));
        }
        _unfinished.MakeRoom(idle => _disk.Delete(_files.PartOf(idle)));

        // The bytes that writers have been promised are as good as taken; this blob's are among them.
        bool HasRoom() => _disk.FreeBytes(_files.Parts) - _unfinished.PromisedBytes >= kept;
    }
}
