using Grpc.Core;

namespace Quorate.Shared.Transfer;

/// <summary>
/// A token that is cancelled when nothing moved for a while: a limit on silence, not on the whole, so that it fits 30
/// kB and 30 GB alike.
/// </summary>
public sealed class StallGuard : IDisposable
{
    private readonly TimeSpan _limit;
    private readonly CancellationTokenSource _silence;
    private readonly CancellationTokenSource _either;
    private readonly CancellationToken _outer;

    public StallGuard(TimeSpan limit, TimeProvider time, CancellationToken outer)
    {
        (_limit, _outer) = (limit, outer);
        _silence = new CancellationTokenSource(limit, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(outer, _silence.Token);
    }

    public CancellationToken Token => _either.Token;

    /// <summary>
    /// Whether something else than the caller ended what ran under the token: silence, or the other side.
    /// </summary>
    public bool IsCut => !_outer.IsCancellationRequested;

    /// <summary>Something moved: the silence starts anew.</summary>
    public void Moved() => _silence.CancelAfter(_limit);

    /// <summary>The other side has all it needs and now works: it may be silent for <paramref name="limit"/>.</summary>
    public void Await(TimeSpan limit) => _silence.CancelAfter(limit);

    /// <summary>From here on the other side is not to blame for silence, until <see cref="Moved"/>.</summary>
    public void Pause() => _silence.CancelAfter(Timeout.InfiniteTimeSpan);

    /// <summary>What a caller is told when <see cref="IsCut"/>: worth another attempt.</summary>
    public Exception Fault() => _silence.IsCancellationRequested
        ? new TimeoutException($"Nothing moved for a while (limit {_limit.TotalSeconds:0.#} s).")
        : new RpcException(new Status(StatusCode.Cancelled, "The other side ended the call."));

    public void Dispose()
    {
        _either.Dispose();
        _silence.Dispose();
    }
}
