using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Writes one blob into the store. Bytes are hashed and written as they arrive, in one pass. Dispose before the end
/// leaves them in parts/ for the next writer, which starts at <see cref="Have"/>. A recycled file is overwritten where
/// there is one: the old bytes behind <see cref="Have"/> are cut off before anyone could take them for the blob's.
/// Invariant: the hash covers exactly the first <see cref="Have"/> bytes of the file.
/// </summary>
public sealed class BlobWriter : IDisposable
{
    private readonly BlobStore _store;
    private readonly IDisk _disk;
    private readonly UnfinishedBlobs.Claim _claim;
    private readonly string _part, _path;
    private readonly SafeFileHandle _file;
    private readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private BlobSource? _source;
    private bool _disposed;

    private BlobWriter(
        BlobStore store, IDisk disk, BlobHash hash, UnfinishedBlobs.Claim claim, string part, string? recycled)
    {
        (_store, _disk, Hash, _claim, _part, _path) = (store, disk, hash, claim, part, recycled ?? part);
        _file = File.OpenHandle(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);
    }

    public BlobHash Hash { get; }

    /// <summary>Bytes of the whole blob, as its sender says.</summary>
    public long Length => _claim.Length;

    /// <summary>Bytes that are here: the offset of the next.</summary>
    public long Have { get; private set; }

    /// <summary>Called when this writer should leave: it is slow, and another one waits.</summary>
    public Action Evict
    {
        set => _claim.Evict = value;
    }

    /// <summary>The bytes for readers that follow this writer. Ends with the writer.</summary>
    public BlobSource Source => _source ??= BlobSource.Growing(Hash, Length, File.OpenHandle(_path), Have);

    /// <param name="store">The store that the blob goes into.</param>
    /// <param name="disk">The store's disk.</param>
    /// <param name="hash">The blob's name.</param>
    /// <param name="claim">The right to write it.</param>
    /// <param name="part">The path of its bytes until they are whole.</param>
    /// <param name="recycled">A file to overwrite if there is no part yet; null: none.</param>
    internal static BlobWriter Open(BlobStore store, IDisk disk, BlobHash hash, UnfinishedBlobs.Claim claim,
        string part, string? recycled)
    {
        var writer = new BlobWriter(store, disk, hash, claim, part, recycled);
        try
        {
            if (recycled is null) writer.Resume();
            return writer;
        }
        catch
        {
            writer._file.Dispose();
            writer._sha.Dispose();
            throw;
        }
    }

    /// <summary>Takes the next bytes, at most as many as <see cref="Length"/> leaves.</summary>
    /// <exception cref="StoreFullException">The disk is full; the part was deleted.</exception>
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
        _claim.Wrote(Have);
        _source?.Grow(Have);
        _sha.AppendData(data);
        BlobMeter.Received.Add(data.Length);
    }

    /// <summary>
    /// Called with all bytes here: checks the hash and makes the blob durable. False: the hash is wrong, and the bytes
    /// went to quarantine, so the next attempt starts from nothing.
    /// </summary>
    /// <exception cref="IOException">The disk failed; nothing was kept.</exception>
    public Task<bool> CompleteAsync()
    {
        if (Have != Length) throw new InvalidOperationException($"Blob {Hash.Short} has {Have} of {Length} bytes.");
        return _disk.RunAsync(Complete, CancellationToken.None);
    }

    /// <summary>Quarantines the bytes: they cannot become the blob.</summary>
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
        long length = RandomAccess.GetLength(_file);
        if (length > Length) RandomAccess.SetLength(_file, 0);
        Have = FileHash.Append(_sha, _file);
        _claim.Wrote(Have);
    }
}
