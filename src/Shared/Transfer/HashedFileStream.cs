using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Quorate.Rounds;

namespace Quorate.Shared.Transfer;

/// <summary>
/// A file whose bytes are hashed on their way to the disk, front to back. The framework's CryptoStream does the same,
/// and copies them twice in between, through 256 KiB that then stay with every thread that ever wrote.
/// </summary>
public sealed class HashedFileStream : Stream
{
    private readonly SafeFileHandle _file;
    private readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _length;

    private HashedFileStream(SafeFileHandle file) => _file = file;

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => _length;

    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException();
    }

    /// <summary>The name of what was written so far.</summary>
    public BlobHash Hash
    {
        get
        {
            Span<byte> hash = stackalloc byte[BlobHash.Size];
            _sha.GetCurrentHash(hash);
            return BlobHash.FromBytes(hash);
        }
    }

    /// <exception cref="IOException">There is a file already, or it cannot be made.</exception>
    public static HashedFileStream Create(string path) => Open(path, FileMode.CreateNew, FileShare.None);

    /// <summary>
    /// Writes over a file that nobody needs any more, where there is one: to put bytes into pages and an inode that the
    /// kernel has at hand takes it half of the time. <see cref="Complete"/> cuts off what is left of the old content.
    /// Whoever still has the file open, to read what nobody needs any more, does not keep it from being written.
    /// </summary>
    public static HashedFileStream Over(string path) => Open(path, FileMode.OpenOrCreate, FileShare.Read);

    private static HashedFileStream Open(string path, FileMode mode, FileShare share) =>
        new(File.OpenHandle(path, mode, FileAccess.Write, share));

    /// <summary>The file ends here.</summary>
    public void Complete()
    {
        if (RandomAccess.GetLength(_file) > _length) RandomAccess.SetLength(_file, _length);
    }

    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        _sha.AppendData(buffer);
        RandomAccess.Write(_file, buffer, _length);
        _length += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Nothing waits here; to make a blob durable is the store's.</summary>
    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _file.Dispose();
            _sha.Dispose();
        }
        base.Dispose(disposing);
    }
}
