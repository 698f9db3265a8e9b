using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;

namespace Quorate.Unit.Blobs;

/// <summary>A disk on which bytes may change and nothing shows it: every file looks as it ever did.</summary>
internal sealed class ForgetfulDisk : IDisk
{
    private readonly RealDisk _disk = new();

    public FileStamp StampOf(SafeFileHandle file, string path) => default;

    public Task<T> RunAsync<T>(Func<T> work, CancellationToken token) => _disk.RunAsync(work, token);

    public void CreateDirectory(string path) => _disk.CreateDirectory(path);

    public void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> data, long offset) =>
        _disk.Write(file, path, data, offset);

    public void Flush(SafeFileHandle file, string path) => _disk.Flush(file, path);

    public void Move(string from, string to) => _disk.Move(from, to);

    public void FlushDirectory(string path) => _disk.FlushDirectory(path);

    public void Delete(string path) => _disk.Delete(path);

    public void Forget(SafeFileHandle file) => _disk.Forget(file);

    public long FreeBytes(string path) => _disk.FreeBytes(path);

    public DateTimeOffset WrittenAt(FileInfo file) => _disk.WrittenAt(file);
}
