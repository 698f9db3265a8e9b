using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// The blobs on this node's disk, by their SHA-256:
/// <code>
/// blobs/ab/abcdef...   whole, verified, durable
/// parts/abcdef...      unfinished; survives a restart and is resumed
/// parts/draft-N        written here (a new model), not yet named
/// parts/spare-N        an old update, to be written over
/// quarantine/          what was not what its name said, the newest few
/// </code>
/// A blob is written to parts/, fsynced, renamed into blobs/, the directory fsynced, and only then told to anyone.
/// Invariant: a blob this class calls held was durable, and had the right hash, at some time in this process; since
/// then neither its size, its inode nor its times have changed. What was found otherwise is hashed again before it is
/// read, and quarantined when it is bad.
/// Invariant: one writer a hash.
/// </summary>
public sealed partial class BlobStore : IDisposable
{
    private const string DraftName = "draft-", SpareName = "spare-";

    private readonly Lock _gate = new();
    private readonly Dictionary<BlobHash, Writing> _writing = [];
    private readonly Dictionary<BlobHash, FileStamp> _verified = [];
    private readonly HashSet<BlobHash> _lost = [];
    private readonly SemaphoreSlim _hashing = new(1);
    private readonly BlobStoreOptions _options;
    private readonly IDisk _disk;
    private readonly TimeProvider _time;
    private readonly ILogger<BlobStore> _log;
    private readonly string _blobs, _parts, _quarantine;
    private int _drafts;

    public BlobStore(BlobStoreOptions options, IDisk disk, TimeProvider time, ILogger<BlobStore> log)
    {
        (_options, _disk, _time, _log) = (options, disk, time, log);
        (_blobs, _parts, _quarantine) = (In("blobs"), In("parts"), In("quarantine"));
        foreach (string name in (string[])[DraftName, SpareName])
            foreach (string old in Directory.EnumerateFiles(_parts, name + "*")) disk.Delete(old);
        foreach (string bad in Directory.EnumerateFiles(_quarantine))
            if (BlobHash.TryParse(Path.GetFileName(bad).Split('-')[^1], out var hash) && !Exists(hash)) _lost.Add(hash);

        string In(string name)
        {
            string path = Path.Combine(Path.GetFullPath(options.Root), name);
            disk.CreateDirectory(path);
            return path;
        }
    }

    /// <summary>A blob that lay here turned out bad and is gone. On the thread that found it; must not block.</summary>
    public event Action? FoundBad;

    /// <summary>
    /// Where a blob lies or would lie. Reading it by this path skips verification: ask <see cref="HasAsync"/> first.
    /// </summary>
    public string PathOf(BlobHash hash)
    {
        string name = hash.ToString();
        return Path.Combine(_blobs, name[..2], name);
    }

    /// <summary>Bytes of a blob that is unfinished here; 0: none.</summary>
    public long PartLength(BlobHash hash) => new FileInfo(PartOf(hash)) is { Exists: true } part ? part.Length : 0;

    /// <summary>Whether there is a file of this name, right or wrong: for those who only look for what lacks.</summary>
    public bool Exists(BlobHash hash) => File.Exists(PathOf(hash));

    /// <summary>Whether this node held the blob until it turned out bad, and has it not again yet.</summary>
    public bool HasLost(BlobHash hash)
    {
        lock (_gate) return _lost.Contains(hash);
    }

    /// <summary>
    /// Whether this node holds the blob, verified and durable. Protects it from the collector for a grace period.
    /// </summary>
    public async Task<bool> HasAsync(BlobHash hash, CancellationToken token)
    {
        using var file = await OpenAsync(hash, token);
        return file is not null;
    }

    /// <summary>
    /// Opens a blob for reading, verified; null: not held (any more: a bad one is quarantined by this call).
    /// </summary>
    public async Task<SafeFileHandle?> OpenAsync(BlobHash hash, CancellationToken token)
    {
        if (TryOpen(hash) is not { } file) return null;
        if (IsRemembered(hash, file)) return file;
        // Opened anew when its turn comes: by then it may be in quarantine, and a good copy in its place.
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
    /// Hashes a blob whatever is remembered of it: for the scrub. False: it was bad and is quarantined, or it is not
    /// here.
    /// </summary>
    public Task<bool> RehashAsync(BlobHash hash, CancellationToken token)
    {
        lock (_gate) _verified.Remove(hash);
        return HasAsync(hash, token);
    }

    /// <summary>Lets the memory go that a blob's bytes take, if it is here. It stays what it is.</summary>
    public Task ForgetAsync(BlobHash hash, CancellationToken token) => _disk.RunAsync(
        () =>
        {
            if (!Exists(hash)) return false;
            try
            {
                using var file = File.OpenHandle(PathOf(hash));
                _disk.Forget(file);
                return true;
            }
            catch (IOException)
            {
                return false; // Collected a moment ago, or not to be read: whoever needs it will say so.
            }
        },
        token);

    /// <summary>A path for a file to be written here and then adopted. It does not outlive a restart.</summary>
    public string NewDraft() => Path.Combine(_parts, $"{DraftName}{Interlocked.Increment(ref _drafts)}");

    /// <summary>The draft at a path, whose writer did not hash it.</summary>
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
            Bring(draft.Hash, null);
            using var file = File.OpenHandle(draft.Path, FileMode.Open, FileAccess.ReadWrite);
            Publish(draft.Hash, file, draft.Path);
            return true;
        },
        token);

    /// <summary>All blobs here, in the order of their hashes. Verified or not.</summary>
    public IEnumerable<StoredBlob> List() => Directory.EnumerateDirectories(_blobs).Order(StringComparer.Ordinal)
        .SelectMany(directory => Named(directory));

    /// <summary>All unfinished blobs here.</summary>
    public IEnumerable<StoredBlob> ListParts() => Named(_parts);

    public void Dispose() => _hashing.Dispose();

    /// <summary>fsync, rename, fsync of the directory; then it is held.</summary>
    internal void Publish(BlobHash hash, SafeFileHandle file, string from)
    {
        string to = PathOf(hash), directory = Path.GetDirectoryName(to)!;
        _disk.CreateDirectory(directory);
        CrashPoint.Pass("blob-received");
        Flush(hash, file, from);
        CrashPoint.Pass("blob-flushed");
        lock (_naming) _disk.Move(from, to);
        CrashPoint.Pass("blob-renamed");
        _disk.FlushDirectory(directory);
        CrashPoint.Pass("blob-durable");
        BlobMeter.Flushes.Add(2);
        Remember(hash, file);
        _log.Stored(hash, RandomAccess.GetLength(file));
    }

    private string PartOf(BlobHash hash) => Path.Combine(_parts, hash.ToString());

    private SafeFileHandle? TryOpen(BlobHash hash)
    {
        if (!Exists(hash)) return null; // Most that are asked for lack; this spares them the exception.
        // Under the gate, so that the collector sees the touch or this sees the deletion.
        lock (_gate)
        try
        {
            var file = File.OpenHandle(PathOf(hash), options: FileOptions.SequentialScan);
            _touched[hash] = _step;
            return file;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private void Flush(BlobHash hash, SafeFileHandle file, string part)
    {
        try
        {
            _disk.Flush(file, part);
        }
        catch (IOException e)
        {
            // After a failed fsync nobody knows what is on the disk, and a second fsync would not say: the file goes.
            if (StoreFullException.IsDiskFull(e)) throw Full(hash, RandomAccess.GetLength(file), part, e);
            _disk.Delete(part);
            throw;
        }
    }

    private IEnumerable<StoredBlob> Named(string directory)
    {
        foreach (var file in new DirectoryInfo(directory).EnumerateFiles().OrderBy(f => f.Name, StringComparer.Ordinal))
        {
            if (BlobHash.TryParse(file.Name, out var hash) && file.Exists)
                yield return new StoredBlob(hash, file.Length, _disk.WrittenAt(file));
        }
    }
}
