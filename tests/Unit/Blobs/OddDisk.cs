using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;

namespace Quorate.Unit.Blobs;

/// <summary>A disk that reports false file stamps or sizes, or that calls the test when a file is looked at.</summary>
internal sealed class OddDisk(Func<FileStamp, FileStamp> shown) : IDisk
{
    private readonly RealDisk _disk = new();

    /// <summary>Bytes free under a path; null: those of the real disk.</summary>
    public Func<string, long>? Free { get; init; }

    public FileStamp StampOf(SafeFileHandle file, string path) => shown(_disk.StampOf(file, path));

    public Task<T> RunAsync<T>(Func<T> work, CancellationToken token) => _disk.RunAsync(work, token);

    public void CreateDirectory(string path) => _disk.CreateDirectory(path);

    public void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> data, long offset) =>
        _disk.Write(file, path, data, offset);

    public void Flush(SafeFileHandle file, string path) => _disk.Flush(file, path);

    public void Move(string from, string to) => _disk.Move(from, to);

    public bool TryTake(string from, string to) => _disk.TryTake(from, to);

    public void FlushDirectory(string path) => _disk.FlushDirectory(path);

    public void Delete(string path) => _disk.Delete(path);

    public void Forget(SafeFileHandle file) => _disk.Forget(file);

    public long FreeBytes(string path) => Free?.Invoke(path) ?? _disk.FreeBytes(path);

    /// <summary>Bytes of the whole disk; null: those of the real disk.</summary>
    public long? Total { get; init; }

    public long TotalBytes(string path) => Total ?? _disk.TotalBytes(path);

    public DateTimeOffset WrittenAt(FileInfo file) => _disk.WrittenAt(file);
}
