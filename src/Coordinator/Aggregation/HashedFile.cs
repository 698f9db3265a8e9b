using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Quorate.Rounds;

namespace Quorate.Coordinator.Aggregation;

/// <summary>
/// A new file whose bytes are hashed on their way to the disk. The framework's CryptoStream does the same, and copies
/// them twice in between, through 256 KiB that then stay with every thread that ever wrote.
/// </summary>
internal sealed class HashedFile(string path) : Stream
{
    private readonly SafeFileHandle _file =
        File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);

    private readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _length;

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => _length;

    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException();
    }

    /// <summary>The name of what was written since the last call.</summary>
    public BlobHash Hash() => BlobHash.FromBytes(_sha.GetHashAndReset());

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
