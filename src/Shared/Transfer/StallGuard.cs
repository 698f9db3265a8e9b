using Grpc.Core;

namespace Quorate.Shared.Transfer;

/// <summary>
/// A token that is cancelled when nothing has moved for a while. It limits silence, not the whole transfer, so it suits
/// 30 kB and 30 GB alike.
/// </summary>
public sealed class StallGuard : IDisposable
{
    private readonly CancellationTokenSource _silence;
    private readonly CancellationTokenSource _either;
    private readonly CancellationToken _outer;
    private TimeSpan _limit;

    public StallGuard(TimeSpan limit, TimeProvider time, CancellationToken outer)
    {
        (_limit, _outer) = (limit, outer);
        _silence = new CancellationTokenSource(limit, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(outer, _silence.Token);
    }

    public CancellationToken Token => _either.Token;

    /// <summary>How long nothing may move. Setting it starts the time limit again.</summary>
    public TimeSpan Limit
    {
        set
        {
            _limit = value;
            Moved();
        }
    }

    /// <summary>
    /// Whether the operation ended for another reason than the caller's token: silence, or the other side.
    /// </summary>
    public bool IsCut => !_outer.IsCancellationRequested;

    /// <summary>Something moved: the time limit starts again.</summary>
    public void Moved() => _silence.CancelAfter(_limit);

    /// <summary>The other side has everything and now works: it may be silent for <paramref name="limit"/>.</summary>
    public void Await(TimeSpan limit) => _silence.CancelAfter(limit);

    /// <summary>Ends the operation as if its time limit were over; does nothing if it has ended.</summary>
    public void Cut()
    {
        try
        {
            _silence.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The operation has ended meanwhile.
        }
    }

    /// <summary>Stops the time limit until <see cref="Moved"/>: this side works.</summary>
    public void Pause() => _silence.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <summary>The failure to report when <see cref="IsCut"/>. A retry may succeed.</summary>
    public Exception Fault() => _silence.IsCancellationRequested
        ? new TimeoutException($"Nothing moved for a while (limit {_limit.TotalSeconds:0.#} s).")
        : new RpcException(new Status(StatusCode.Cancelled, "The other side ended the call."));

    public void Dispose()
    {
        _either.Dispose();
        _silence.Dispose();
    }
}
