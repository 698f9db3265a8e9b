using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>How this node introduces itself: Consensus knows, so it gives this to the service.</summary>
public delegate ValueTask<HelloReply> Greeting(HelloRequest request, CancellationToken token);

/// <summary>The index below which everything stands that was acknowledged before the call. Leader only.</summary>
public delegate Task<long> ReadBarrier(CancellationToken token);

/// <summary>What other coordinators ask of this one.</summary>
public sealed class PeersService(
    BlobStore store, Greeting greeting, ReadBarrier barrier, ReplicationOptions options, TimeProvider time) : PeersBase
{
    /// <summary>Blobs in one question (transfer.proto).</summary>
    private const int HoldsMax = 1000;

    public override async Task<VerdictReply> PutBlob(IAsyncStreamReader<Part> parts, ServerCallContext context)
    {
        using var guard = new StallGuard(options.SenderTimeout, time, context.CancellationToken);
        BlobWriter? writer = null;
        try
        {
            using var first = await Reception.NextAsync(parts, guard);
            if (Reception.Check(first?.Header) is { } flaw) return Reception.Rejected(flaw);
            var hash = BlobHash.FromBytes(first!.Header!.Blob.Span);
            store.Bring(hash, Reception.RoundOf(first.Header));
            if (await store.HasAsync(hash, guard.Token)) return Held(first.Header.Length);
            writer = await store.BeginAsync(hash, first.Header.Length, guard.Token);
            if (await store.HasAsync(hash, guard.Token)) return Held(first.Header.Length);
            if (writer is null) return Reception.Busy(store, hash);
            if (await Reception.ReceiveAsync(writer, first, parts, guard) is { } refusal) return refusal;
            return await writer.CompleteAsync() ? Held(writer.Length) : Reception.Rejected(
                $"The bytes are not blob {hash.Short}.");
        }
        catch (StoreFullException e)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, e.Message));
        }
        catch (Exception e) when (Reception.IsCut(e))
        {
            return Reception.Incomplete(writer?.Have ?? 0, e.Message);
        }
        finally
        {
            writer?.Dispose();
        }
    }

    public override async Task<HoldsReply> Holds(HoldsRequest request, ServerCallContext context)
    {
        if (request.Blobs.Count > HoldsMax)
            throw new RpcException(new Status(StatusCode.InvalidArgument,
                $"At most {HoldsMax} blobs at once, not {request.Blobs.Count}."));
        var reply = new HoldsReply();
        foreach (var name in request.Blobs)
            reply.Held.Add(name.Length == BlobHash.Size && await store.HasAsync(
                BlobHash.FromBytes(name.Span), context.CancellationToken));
        return reply;
    }

    public override async Task<HelloReply> Hello(HelloRequest request, ServerCallContext context) =>
        await greeting(request, context.CancellationToken);

    public override async Task<BarrierReply> Barrier(BarrierRequest request, ServerCallContext context) =>
        new() { Index = await barrier(context.CancellationToken) };

    private static VerdictReply Held(long length) => new() { Verdict = VerdictCode.Accepted, Have = length };
}
