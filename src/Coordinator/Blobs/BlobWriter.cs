using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// One blob on its way into the store. Bytes are hashed and written as they come, in one pass; Dispose before the end
/// leaves them in parts/ for the next writer, whose start is <see cref="Have"/>. A spare file of the store's is
/// written over, where there is one: what lies behind <see cref="Have"/> in it is old, and is cut off before anybody
/// could take it for the blob's.
/// Invariant: the hash has seen exactly the first <see cref="Have"/> bytes of the file.
/// </summary>
public sealed class BlobWriter : IDisposable
{
    private readonly BlobStore _store;
    private readonly IDisk _disk;
    private readonly string _part, _path;
    private readonly SafeFileHandle _file;
    private readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private BlobSource? _source;
    private bool _disposed;

    private BlobWriter(BlobStore store, IDisk disk, BlobHash hash, long length, string part, string? spare)
    {
        (_store, _disk, Hash, Length, _part, _path) = (store, disk, hash, length, part, spare ?? part);
        _file = File.OpenHandle(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);
    }

    public BlobHash Hash { get; }

    /// <summary>Bytes of the whole blob, as its sender says.</summary>
    public long Length { get; }

    /// <summary>Bytes that are here: the offset of the next.</summary>
    public long Have { get; private set; }

    /// <summary>The bytes for those who pass them on while they come. Ends with this writer.</summary>
    public BlobSource Source => _source ??= BlobSource.Growing(Hash, Length, File.OpenHandle(_path), Have);

    /// <param name="store">Whose blob it will be.</param>
    /// <param name="disk">The store's.</param>
    /// <param name="hash">The blob's name.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="part">Where its bytes lie until they are whole.</param>
    /// <param name="spare">A file to write over, where there is no part yet; null: none.</param>
    internal static BlobWriter Open(
        BlobStore store, IDisk disk, BlobHash hash, long length, string part, string? spare)
    {
        var writer = new BlobWriter(store, disk, hash, length, part, spare);
        try
        {
            if (spare is null) writer.Resume();
            return writer;
        }
        catch
        {
            writer._file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Takes the next bytes; the caller has checked that no more come than <see cref="Length"/> says.
    /// </summary>
    /// <exception cref="StoreFullException">The disk is full; the part is gone.</exception>
    public void Append(ReadOnlySpan<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(data.Length, Length - Have);
        try
        {
            _disk.Write(_file, _path, data, Have);
        }
        catch (IOException e) when (StoreFullException.IsDiskFull(e))
        {
            throw _store.Full(Hash, Length, _path, e);
        }
        Have += data.Length;
        _source?.Grow(Have);
        _sha.AppendData(data);
        BlobMeter.Received.Add(data.Length);
    }

    /// <summary>
    /// With all bytes here: checks the hash and makes the blob durable. False: the hash is wrong, and the bytes are in
    /// quarantine so that the next attempt starts clean.
    /// </summary>
    /// <exception cref="IOException">The disk failed; nothing was kept.</exception>
    public Task<bool> CompleteAsync()
    {
        if (Have != Length) throw new InvalidOperationException($"Blob {Hash.Short} has {Have} of {Length} bytes.");
        return _disk.RunAsync(Complete, CancellationToken.None);
    }

    /// <summary>Throws away what is here: it cannot become the blob.</summary>
    public void Discard(string why)
    {
        CutAtHave();
        _store.Quarantine(Hash, _path, why);
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (Have == 0) _disk.Delete(_path);
        else if (_path != _part && File.Exists(_path))
        {
            CutAtHave();
            _disk.Move(_path, _part);
        }
        _source?.Dispose();
        _file.Dispose();
        _sha.Dispose();
        _store.Release(Hash);
    }

    private bool Complete()
    {
        if (BlobHash.FromBytes(_sha.GetHashAndReset()) != Hash)
        {
            Discard("wrong SHA-256 on arrival");
            return false;
        }
        CutAtHave();
        _store.Publish(Hash, _file, _path);
        return true;
    }

    private void CutAtHave()
    {
        if (RandomAccess.GetLength(_file) > Have) RandomAccess.SetLength(_file, Have);
    }

    private void Resume()
    {
        long there = RandomAccess.GetLength(_file);
        if (there > Length) RandomAccess.SetLength(_file, there = 0);
        using var buffer = Part.Rent(Part.BytesUsual);
        while (Have < there)
        {
            int count = RandomAccess.Read(_file, buffer.Room.Span, Have);
            if (count == 0) break;
            _sha.AppendData(buffer.Room.Span[..count]);
            Have += count;
        }
    }
}
