using Grpc.Core;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Reads a state that contains every fact acknowledged anywhere before the call, on any node. Knowing the leader is not
/// enough: a node that was paused or cut off learns who leads before it learns what was committed while it was away. A
/// follower asks the leader for its applied index and waits until it has applied that index too.
/// </summary>
internal sealed class FreshState(IReplicatedLog log, IReadOnlyList<Peer> peers, TimeProvider time)
{
    /// <summary>Callers are background passes; they retry on the next one.</summary>
    private static readonly TimeSpan _max = TimeSpan.FromSeconds(10);

    /// <summary>The state; null if no answer arrived in time.</summary>
    public async Task<ClusterState?> ReadAsync(CancellationToken token)
    {
        using var late = new CancellationTokenSource(_max, time);
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
            // gRPC reports a cancelled call as a failed one; cancellation must stay cancellation.
            token.ThrowIfCancellationRequested();
            return null;
        }
    }
}
