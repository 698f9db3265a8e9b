using Microsoft.Win32.SafeHandles;

namespace Quorate.Coordinator.Disk;

/// <summary>
/// Everything that changes the blobs on a node's disk, and every query whose answer a crash or a full disk changes. Two
/// implementations: the real disk, and the simulation's, which loses unflushed data when its node loses power. Reading
/// needs no seam.
/// </summary>
public interface IDisk
{
    /// <summary>Runs blocking work, such as fsync or hashing a file, off the thread pool.</summary>
    Task<T> RunAsync<T>(Func<T> work, CancellationToken token);

    /// <summary>Creates a directory with all missing parents, durably; does nothing if it exists.</summary>
    /// <exception cref="IOException">A directory cannot be created or flushed.</exception>
    void CreateDirectory(string path);

    /// <param name="file">Open at <paramref name="path"/>.</param>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> data, long offset);

    /// <summary>Returns once the bytes of the file have reached the disk.</summary>
    /// <exception cref="IOException">The state of the bytes on the disk is unknown.</exception>
    void Flush(SafeFileHandle file, string path);

    /// <summary>Renames a file, replacing an existing one. Durable after <see cref="FlushDirectory"/>.</summary>
    void Move(string from, string to);

    /// <summary>
    /// Renames a file that has no readers. False if it is missing, or open elsewhere: a reader would see the new
    /// content.
    /// </summary>
    bool TryTake(string from, string to);

    /// <summary>Returns once every creation, renaming and removal inside the directory has reached the disk.</summary>
    /// <exception cref="IOException">The directory cannot be opened, or the disk reports a failure.</exception>
    void FlushDirectory(string path);

    /// <summary>Does nothing if there is no such file.</summary>
    void Delete(string path);

    /// <summary>Tells the kernel that the file's bytes on the disk need not stay in memory.</summary>
    void Forget(SafeFileHandle file);

    /// <summary>Bytes that may still be written below this path.</summary>
    long FreeBytes(string path);

    /// <summary>Bytes of the whole disk of this path, free or not.</summary>
    long TotalBytes(string path);

    /// <summary>A stamp that changes when the file open at <paramref name="path"/> is written or replaced.</summary>
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
            // Every .NET handle that reads locks the file; this exclusive one is granted only if there is none.
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

    public long TotalBytes(string path) => new DriveInfo(path).TotalSize;

    public FileStamp StampOf(SafeFileHandle file, string path) => FileStamp.Of(file);

    public DateTimeOffset WrittenAt(FileInfo file) => file.LastWriteTimeUtc;
}
