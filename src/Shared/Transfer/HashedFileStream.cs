using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Quorate.Rounds;

namespace Quorate.Shared.Transfer;

/// <summary>
/// A file whose bytes are hashed as they are written, front to back. The framework's CryptoStream does the same, but
/// copies them twice, through 256 KiB that stay with every thread that ever wrote.
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

    /// <summary>The hash of the bytes written so far.</summary>
    public BlobHash Hash
    {
        get
        {
            Span<byte> hash = stackalloc byte[BlobHash.Size];
            _sha.GetCurrentHash(hash);
            return BlobHash.FromBytes(hash);
        }
    }

    /// <exception cref="IOException">The file exists already, or cannot be created.</exception>
    public static HashedFileStream Create(string path) => Open(path, FileMode.CreateNew, FileShare.None);

    /// <summary>
    /// Overwrites an old file if there is one: filling pages and an inode that the kernel has in its cache takes half
    /// of the time. <see cref="Complete"/> cuts off the rest of the old content. Existing readers do not block reuse.
    /// </summary>
    public static HashedFileStream Over(string path) => Open(path, FileMode.OpenOrCreate, FileShare.Read);

    private static HashedFileStream Open(string path, FileMode mode, FileShare share) =>
        new(File.OpenHandle(path, mode, FileAccess.Write, share));

    /// <summary>Cuts the file off behind the bytes written.</summary>
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

    /// <summary>Does nothing: there is no buffer, and the store makes blobs durable.</summary>
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
