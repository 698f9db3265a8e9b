using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;
using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Blobs;

/// <summary>A file of the store: the blob's name and the file's length in bytes.</summary>
public readonly record struct StoredBlob(BlobHash Hash, long Length);

/// <summary>
/// A model in a file that is not a blob yet; <see cref="BlobStore.AdoptAsync"/> makes it one. Dispose deletes the file
/// if it is still there.
/// </summary>
/// <param name="Path">From <see cref="BlobStore.NewDraft"/>.</param>
public sealed record ModelDraft(string Path, BlobHash Hash, long Length) : IDisposable
{
    public void Dispose() => File.Delete(Path);
}

/// <summary>
/// The store's files on the disk:
/// <code>
/// blobs/ab/abcdef...   whole, verified, durable
/// parts/abcdef...      unfinished; survives a restart and is resumed
/// parts/draft-N        written here (a new model), not named yet
/// parts/spare-N        an old update's file, to be overwritten
/// quarantine/          files with wrong content, the newest few
/// </code>
/// </summary>
internal sealed class BlobFiles
{
    private const string DraftName = "draft-";

    /// <summary>Guards renames in blobs/; separate from the other locks because a rename may block.</summary>
    private readonly Lock _naming = new();

    private readonly BlobStoreOptions _options;
    private readonly IDisk _disk;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly string _blobs, _quarantine;
    private int _drafts;

    public BlobFiles(BlobStoreOptions options, IDisk disk, TimeProvider time, ILogger log)
    {
        (_options, _disk, _time, _log) = (options, disk, time, log);
        (_blobs, Parts, _quarantine) = (In("blobs"), In("parts"), In("quarantine"));
        foreach (string name in (string[])[DraftName, RecycledFiles.NamePrefix])
            foreach (string old in Directory.EnumerateFiles(Parts, name + "*")) disk.Delete(old);

        string In(string name)
        {
            string path = Path.Combine(Path.GetFullPath(options.Root), name);
            disk.CreateDirectory(path);
            return path;
        }
    }

    /// <summary>
    /// Deletes the unfinished blobs of a node that is not running. Nothing is lost: no sender was told that they are
    /// stored, and their senders send them again.
    /// </summary>
    public static void DeleteUnfinished(string root)
    {
        string parts = Path.Combine(root, "parts");
        if (!Directory.Exists(parts)) return;
        foreach (string part in Directory.EnumerateFiles(parts)) File.Delete(part);
    }

    /// <summary>The directory of unfinished blobs.</summary>
    public string Parts { get; }

    /// <summary>The blobs in quarantine, which may be held again by now.</summary>
    public IEnumerable<BlobHash> Quarantined()
    {
        foreach (string bad in Directory.EnumerateFiles(_quarantine))
            if (BlobHash.TryParse(Path.GetFileName(bad).Split('-')[^1], out var hash)) yield return hash;
    }

    public string PathOf(BlobHash hash)
    {
        string name = hash.ToString();
        return Path.Combine(_blobs, name[..2], name);
    }

    public string PartOf(BlobHash hash) => Path.Combine(Parts, hash.ToString());

    public long PartLength(BlobHash hash) => new FileInfo(PartOf(hash)) is { Exists: true } part ? part.Length : 0;

    public bool Exists(BlobHash hash) => File.Exists(PathOf(hash));

    public string NewDraft() => Path.Combine(Parts, $"{DraftName}{Interlocked.Increment(ref _drafts)}");

    public FileStamp StampOf(BlobHash hash, SafeFileHandle file) => _disk.StampOf(file, PathOf(hash));

    /// <summary>All blobs, in the order of their hashes.</summary>
    public IEnumerable<StoredBlob> List() => Directory.EnumerateDirectories(_blobs).Order(StringComparer.Ordinal)
        .SelectMany(directory => Named(directory)).Select(named => named.Blob);

    /// <summary>All unfinished blobs, the oldest first.</summary>
    public IEnumerable<StoredBlob> ListParts() => Named(Parts).OrderBy(named => named.At).Select(named => named.Blob);

    /// <summary>Opens a blob for reading. Null: there is no file.</summary>
    public SafeFileHandle? Open(BlobHash hash)
    {
        try
        {
            return File.OpenHandle(PathOf(hash), options: FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Drops a blob's bytes from the kernel's cache. False: there is no file that can be read.</summary>
    public bool DropFromCache(BlobHash hash)
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
            return false; // Deleted a moment ago, or unreadable: the next reader reports that.
        }
    }

    /// <summary>Flushes the file, gives it the blob's name and flushes the directory.</summary>
    public void Publish(BlobHash hash, SafeFileHandle file, string from)
    {
        string to = PathOf(hash);
        _disk.CreateDirectory(Path.GetDirectoryName(to)!);
        CrashPoint.Pass("blob-received");
        Flush(hash, file, from);
        CrashPoint.Pass("blob-flushed");
        lock (_naming) _disk.Move(from, to);
        CrashPoint.Pass("blob-renamed");
        FlushName(hash);
        CrashPoint.Pass("blob-durable");
        BlobMeter.Flushes.Add(1);
    }

    /// <summary>Makes the blob's name durable.</summary>
    public void FlushName(BlobHash hash)
    {
        _disk.FlushDirectory(Path.GetDirectoryName(PathOf(hash))!);
        BlobMeter.Flushes.Add(1);
    }

    /// <summary>Deletes a blob, finished or not.</summary>
    public void Delete(BlobHash hash)
    {
        _disk.Delete(PartOf(hash));
        if (Directory.Exists(Path.GetDirectoryName(PathOf(hash)))) _disk.Delete(PathOf(hash));
    }

    public void Quarantine(BlobHash hash, string path, string why)
    {
        string to = Path.Combine(_quarantine, $"{_time.GetUtcNow().UtcTicks:D19}-{hash}");
        _disk.Move(path, to);
        foreach (string old in Directory.GetFiles(_quarantine).OrderDescending(StringComparer.Ordinal).Skip(
            _options.QuarantinedMax))
            _disk.Delete(old);
        BlobMeter.Quarantined.Add(1);
        _log.Quarantined(hash, why, to);
    }

    /// <summary>
    /// Quarantines a blob whose content is bad. False: the bad file lost its name in the meantime, and a good file may
    /// have it now, for example when a model that is here already is adopted again. (Only Linux tells inodes;
    /// elsewhere all files look like the bad one.)
    /// </summary>
    /// <param name="hash">The blob.</param>
    /// <param name="bad">The stamp of the bad file.</param>
    /// <param name="lost">Called before another file can get the name.</param>
    public bool TryQuarantine(BlobHash hash, FileStamp bad, Action lost)
    {
        lock (_naming)
        {
            using var file = Open(hash);
            if (file is null || StampOf(hash, file).Inode != bad.Inode) return false;
            Quarantine(hash, PathOf(hash), "wrong SHA-256");
            lost();
            return true;
        }
    }

    /// <summary>The disk is full: deletes the file and says so.</summary>
    public StoreFullException Full(BlobHash hash, long length, string path, Exception? inner = null)
    {
        _disk.Delete(path);
        _log.DiskFull(_options.Root, hash);
        return StoreFullException.Disk(_options.Root, hash, length, inner);
    }

    private void Flush(BlobHash hash, SafeFileHandle file, string path)
    {
        try
        {
            _disk.Flush(file, path);
        }
        catch (IOException e)
        {
            // After a failed flush the bytes on the disk are unknown, and another flush would not tell: delete the
            // file.
            if (StoreFullException.IsDiskFull(e)) throw Full(hash, RandomAccess.GetLength(file), path, e);
            _disk.Delete(path);
            throw;
        }
    }

    private IEnumerable<(StoredBlob Blob, DateTimeOffset At)> Named(string directory)
    {
        foreach (var file in new DirectoryInfo(directory).EnumerateFiles().OrderBy(f => f.Name, StringComparer.Ordinal))
        {
            if (BlobHash.TryParse(file.Name, out var hash) && file.Exists)
                yield return (new StoredBlob(hash, file.Length), _disk.WrittenAt(file));
        }
    }
}
