using Microsoft.Win32.SafeHandles;

namespace Quorate.Coordinator.Disk;

/// <summary>
/// Everything that changes the blobs on a node's disk, and what is asked of it that a crash or a full disk would answer
/// otherwise. Two stand: the disk, and the simulation's, which forgets what was not flushed when its node loses power.
/// Reading needs no seam.
/// </summary>
public interface IDisk
{
    /// <summary>Runs work that blocks for long: fsync, hashing a whole file.</summary>
    Task<T> RunAsync<T>(Func<T> work, CancellationToken token);

    /// <summary>Creates a directory with all missing parents, durably; does nothing where it exists.</summary>
    /// <exception cref="IOException">A directory cannot be created or flushed.</exception>
    void CreateDirectory(string path);

    /// <param name="file">Open at <paramref name="path"/>.</param>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> data, long offset);

    /// <summary>Returns once the bytes of the file have reached the disk.</summary>
    /// <exception cref="IOException">Nobody knows what is on the disk.</exception>
    void Flush(SafeFileHandle file, string path);

    /// <summary>Renames a file, over another where there is one. Durable after <see cref="FlushDirectory"/>.</summary>
    void Move(string from, string to);

    /// <summary>
    /// Renames a file that nobody reads. False: somebody does, or there is none. Who holds it open now would read what
    /// is written to it from here on.
    /// </summary>
    bool TryTake(string from, string to);

    /// <summary>Returns once every creation, renaming and removal inside the directory has reached the disk.</summary>
    /// <exception cref="IOException">The directory cannot be opened, or the disk reports a failure.</exception>
    void FlushDirectory(string path);

    /// <summary>Does nothing where there is no such file.</summary>
    void Delete(string path);

    /// <summary>What is on the disk of a file need not be in memory any more.</summary>
    void Forget(SafeFileHandle file);

    /// <summary>Bytes that may still be written below this path.</summary>
    long FreeBytes(string path);

    /// <summary>What differs once the file open at <paramref name="path"/> was written or replaced.</summary>
    FileStamp StampOf(SafeFileHandle file, string path);

    /// <summary>When the file was last written.</summary>
    DateTimeOffset WrittenAt(FileInfo file);
}

/// <summary>The disk.</summary>
public sealed class RealDisk : IDisk
{
    public Task<T> RunAsync<T>(Func<T> work, CancellationToken token) =>
        Task.Factory.StartNew(work, token, TaskCreationOptions.DenyChildAttach, DiskThreads.All);

    public void CreateDirectory(string path) => DurableDirectory.Create(path);

    public void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> data, long offset)
    {
        RandomAccess.Write(file, data, offset);
        EarlyWriting.Passed(file, offset, data.Length);
    }

    public void Flush(SafeFileHandle file, string path) => RandomAccess.FlushToDisk(file);

    public void Move(string from, string to) => File.Move(from, to, overwrite: true);

    public bool TryTake(string from, string to)
    {
        try
        {
            // Every handle of .NET's that reads holds a lock on the file; this one is given only where there is none.
            using var alone = File.OpenHandle(from, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            File.Move(from, to);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    public void FlushDirectory(string path) => DurableDirectory.Flush(path);

    public void Delete(string path) => File.Delete(path);

    public void Forget(SafeFileHandle file) => PageCache.Forget(file);

    public long FreeBytes(string path) => new DriveInfo(path).AvailableFreeSpace;

    public FileStamp StampOf(SafeFileHandle file, string path) => FileStamp.Of(file);

    public DateTimeOffset WrittenAt(FileInfo file) => file.LastWriteTimeUtc;
}
