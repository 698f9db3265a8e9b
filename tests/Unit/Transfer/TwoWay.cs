namespace Quorate.Unit.Transfer;

/// <summary>A connection whose other side sends nothing more and accepts everything.</summary>
/// <param name="room">Bytes that can be written; the next one breaks the connection.</param>
internal sealed class TwoWay(byte[] received, long room = long.MaxValue) : Stream
{
    private readonly MemoryStream _received = new(received);
    private readonly TaskCompletionSource _silent = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public MemoryStream Written { get; } = new();

    /// <summary>Whether the connection breaks after the received bytes instead of ending.</summary>
    public bool Breaks { get; init; }

    /// <summary>Whether the other side stays silent after the received bytes instead of closing.</summary>
    public bool IsSilent { get; init; }

    /// <summary>Completes when everything that was received is read.</summary>
    public Task Silent => _silent.Task;

    /// <summary>Completes each write.</summary>
    public Func<CancellationToken, Task> Taking { get; init; } = _ => Task.CompletedTask;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        _received.Position == _received.Length && Breaks
            ? throw new IOException("Connection reset by peer.")
            : _received.Read(buffer, offset, count);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (IsSilent && _received.Position == _received.Length)
        {
            _silent.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }
        byte[] bytes = new byte[Math.Min(buffer.Length, received.Length)];
        int count = Read(bytes, 0, bytes.Length);
        bytes.AsSpan(0, count).CopyTo(buffer.Span);
        return count;
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        if (Written.Length + count > room) throw new IOException("The other side is gone.");
        Written.Write(buffer, offset, count);
    }

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await Taking(cancellationToken);
        Write(buffer.ToArray(), 0, buffer.Length);
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
