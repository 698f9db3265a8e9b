using Grpc.Core;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// A state that holds every fact acknowledged anywhere before the question, on any node. That a leader is known tells
/// nothing: a node that stood still, or was cut off, knows one before it knows what was committed meanwhile. So the
/// others ask the leader how far it is, and wait until they are.
/// </summary>
internal sealed class FreshState(IReplicatedLog log, IReadOnlyList<Peer> peers, TimeProvider time)
{
    /// <summary>Who asks has time: he asks again with his next pass.</summary>
    private static readonly TimeSpan Max = TimeSpan.FromSeconds(10);

    /// <summary>Null: nobody could say in time.</summary>
    public async Task<ClusterState?> ReadAsync(CancellationToken token)
    {
        using var late = new CancellationTokenSource(Max, time);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token, late.Token);
        try
        {
            var leadership = log.Leadership;
            if (leadership.IsLeader) return await log.ReadAsync(bound.Token);
            if (peers.FirstOrDefault(peer => peer.Id == leadership.LeaderNode) is not { } leader) return null;
            var barrier = await leader.Peers.Barrier(new BarrierRequest(), bound.Token);
            return await log.ChangedAsync(barrier.Index - 1, bound.Token);
        }
        catch (Exception e) when (
            e is NotLeaderException or OutcomeUnknownException or RpcException or OperationCanceledException)
        {
            // gRPC reports a cancelled call as a failed one; a service that ends by that would be called broken.
            token.ThrowIfCancellationRequested();
            return null;
        }
    }
}
