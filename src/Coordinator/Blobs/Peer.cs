using Grpc.Core;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>Another coordinator, as the blob store sees it.</summary>
public sealed class Peer(int id, CallInvoker invoker)
{
    private long _failedAt;

    public int Id { get; } = id;

    public PeersClient Peers { get; } = new(invoker);

    public TransferClient Transfer { get; } = new(invoker);

    /// <summary>
    /// It failed a moment ago: asked last, so that a dead or paused peer does not cost every upload its timeout.
    /// </summary>
    internal bool IsDoubtful(TimeProvider time, TimeSpan memory)
    {
        long failed = Interlocked.Read(ref _failedAt);
        return failed != 0 && time.GetElapsedTime(failed) < memory;
    }

    internal void Failed(TimeProvider time) => Interlocked.Exchange(ref _failedAt, time.GetTimestamp() | 1);

    internal void Worked() => Interlocked.Exchange(ref _failedAt, 0);
}
