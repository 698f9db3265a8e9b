using Microsoft.Win32.SafeHandles;
using Quorate.Rounds;
using Quorate.Shared.Text;

namespace Quorate.Shared.Transfer;

/// <summary>
/// The bytes of a blob in a file, complete or still being written. Readers of a growing blob follow the writer through
/// the page cache. The file is the queue, so a slow reader delays no other, costs no memory, and may start anywhere.
/// Invariant: bytes below <see cref="Available"/> are in the file and do not change.
/// </summary>
public sealed class BlobSource : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SafeFileHandle _file;
    private TaskCompletionSource? _grown;
    private long _available;
    private bool _ended;

    private BlobSource(BlobHash hash, long length, SafeFileHandle file, long available)
    {
        (Hash, Length, _file, _available) = (hash, length, file, available);
    }

    public BlobHash Hash { get; }

    /// <summary>Bytes of the whole blob.</summary>
    public long Length { get; }

    public long Available => Interlocked.Read(ref _available);

    /// <summary>A complete blob. Takes over the handle.</summary>
    public static BlobSource Complete(BlobHash hash, SafeFileHandle file)
    {
        long length = RandomAccess.GetLength(file);
        return new BlobSource(hash, length, file, length);
    }

    /// <summary>
    /// A blob whose first <paramref name="available"/> bytes are in the file. Takes over the handle.
    /// </summary>
    public static BlobSource Growing(BlobHash hash, long length, SafeFileHandle file, long available) =>
        new(hash, length, file, available);

    /// <summary>The writer has written up to <paramref name="available"/>.</summary>
    public void Grow(long available)
    {
        Interlocked.Exchange(ref _available, available);
        Wake();
    }

    /// <summary>The writer ends: readers that wait for more get <see cref="EndOfStreamException"/>.</summary>
    public void End()
    {
        lock (_gate) _ended = true;
        Wake();
    }

    /// <summary>Completes when a byte at <paramref name="offset"/> can be read, or the blob ends there.</summary>
    /// <exception cref="EndOfStreamException">The writer gave up.</exception>
    public async Task WaitAsync(long offset, CancellationToken token)
    {
        while (Available <= offset && offset < Length)
        {
            Task grown;
            lock (_gate)
            {
                if (_ended) throw new EndOfStreamException(
                    $"Blob {Hash.Short} stopped at {Available} of {Length} bytes.");
                if (Available > offset) return;
                _grown ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                grown = _grown.Task;
            }
            await grown.WaitAsync(token);
        }
    }

    /// <summary>Fills <paramref name="buffer"/> as far as bytes are available.</summary>
    /// <exception cref="EndOfStreamException">The file is shorter than it was.</exception>
    public int Read(long offset, Span<byte> buffer)
    {
        int wanted = (int)Math.Clamp(Available - offset, 0, buffer.Length);
        for (int count = 0; count < wanted;)
        {
            int read = RandomAccess.Read(_file, buffer[count..wanted], offset + count);
            if (read == 0) throw new EndOfStreamException(
                $"The file of blob {Hash.Short} was cut to {PlainText.Count(offset + count, "byte")}.");
            count += read;
        }
        return wanted;
    }

    public void Dispose()
    {
        End();
        _file.Dispose();
    }

    private void Wake()
    {
        TaskCompletionSource? grown;
        lock (_gate) (grown, _grown) = (_grown, null);
        grown?.SetResult();
    }
}
