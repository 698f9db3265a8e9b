using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <content>Who may write what: one writer a hash, and room for all of them.</content>
public sealed partial class BlobStore
{
    /// <summary>
    /// Begins or resumes writing a blob of <paramref name="length"/> bytes; null: another writer is at it, and still
    /// was after a wait. Look at <see cref="HasAsync"/> before, and again after when it took a while: another may have
    /// finished the blob.
    /// </summary>
    /// <exception cref="StoreFullException">No room.</exception>
    public async Task<BlobWriter?> BeginAsync(BlobHash hash, long length, CancellationToken token)
    {
        long until = _time.GetTimestamp() + (long)(_options.WriterWait.TotalSeconds * _time.TimestampFrequency);
        while (TryClaim(hash, length) is { } other)
        {
            var left = _time.GetElapsedTime(_time.GetTimestamp(), until);
            if (left <= TimeSpan.Zero) return null;
            try
            {
                await other.WaitAsync(left, _time, token);
            }
            catch (TimeoutException)
            {
                return null;
            }
        }
        try
        {
            MakeRoom(hash, length);
            // A part that is there is hashed anew, which may take long.
            return PartLength(hash) > 0 ? await _disk.RunAsync(Open, token) : Open();
        }
        catch
        {
            Release(hash);
            throw;
        }

        BlobWriter Open() => BlobWriter.Open(this, _disk, hash, length, PartOf(hash), SpareFor(hash, length));
    }

    internal void Release(BlobHash hash)
    {
        Writing? done;
        lock (_gate)
        {
            _writing.Remove(hash, out done);
            if (PartLength(hash) > 0) _touched[hash] = _step;
        }
        done?.Ended.SetResult();
    }

    internal StoreFullException Full(BlobHash hash, long length, string part, Exception? inner = null)
    {
        _disk.Delete(part);
        _log.DiskFull(_options.Root, hash);
        return StoreFullException.Disk(_options.Root, hash, length, inner);
    }

    /// <summary>Null: claimed. Otherwise what to wait for.</summary>
    private Task? TryClaim(BlobHash hash, long length)
    {
        lock (_gate)
        {
            if (_writing.TryGetValue(hash, out var other)) return other.Ended.Task;
            _writing.Add(hash, new Writing(length, new TaskCompletionSource(
                TaskCreationOptions.RunContinuationsAsynchronously)));
            return null;
        }
    }

    private string? SpareFor(BlobHash hash, long length) =>
        length <= SpareBytesMax && PartLength(hash) == 0 ? TakeSpare() : null;

    private bool HasRoom(long length) => _disk.FreeBytes(_parts) - length >= _options.FreeBytesKept;

    private void MakeRoom(BlobHash hash, long length)
    {
        if (!HasRoom(length))
        {
            DeleteSpares();
            if (!HasRoom(length)) throw Full(hash, length, PartOf(hash));
        }
        lock (_gate)
        {
            long claimed = _writing.Values.Sum(w => w.Length);
            var idle = ListParts().Where(p => !_writing.ContainsKey(p.Hash)).OrderBy(p => p.WrittenAt).ToList();
            long total = claimed + idle.Sum(p => p.Length);
            foreach (var part in idle.TakeWhile(_ => total > _options.PartsBytesMax))
            {
                _disk.Delete(PartOf(part.Hash));
                _touched.Remove(part.Hash);
                total -= part.Length;
            }
            if (total <= _options.PartsBytesMax) return;
        }
        throw new StoreFullException(
            $"Unfinished blobs may take {_options.PartsBytesMax} bytes together, and {length} more are too many; "
            + "try again when some are done.");
    }

    private sealed record Writing(long Length, TaskCompletionSource Ended);
}
