using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Cluster;

/// <summary>
/// Finds the leader without polling. All nodes are asked at once, and each answers when it leads or when its wait is
/// over. A new leader is therefore known one message after its election, a hung node costs nothing, and while there is
/// no leader each client asks once a second.
/// </summary>
internal sealed class LeaderSearch(IReadOnlyList<NodeConnection> nodes, TimeProvider time)
{
    /// <summary>
    /// How long each node may wait before it answers: two elections.
    /// </summary>
    private static readonly TimeSpan _wait = TimeSpan.FromSeconds(1);

    private long _newestTerm;

    /// <summary>The first node that leads, in a term no older than the newest seen; null if none does.</summary>
    /// <param name="patience">Time for an answer to arrive after the wait.</param>
    /// <param name="token">Ends the search.</param>
    public async Task<NodeConnection?> FindAsync(TimeSpan patience, CancellationToken token)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(token);
        var answers = nodes.Select(node => AskAsync(node, patience, enough.Token)).ToList();
        try
        {
            await foreach (var answer in Task.WhenEach(answers).ConfigureAwait(false))
            {
                var (node, term) = await answer.ConfigureAwait(false);
                // A leader that was paused says it leads until it learns of its successor.
                if (term < _newestTerm) continue;
                _newestTerm = term;
                return node;
            }
            token.ThrowIfCancellationRequested();
            return null;
        }
        finally
        {
            await enough.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Term -1: the node does not lead, or did not answer.</summary>
    private async Task<(NodeConnection Node, long Term)> AskAsync(
        NodeConnection node, TimeSpan patience, CancellationToken token)
    {
        try
        {
            var deadline = time.GetUtcNow().UtcDateTime + _wait + patience;
            var reply = await node.Federation.WhoLeadsAsync(
                new WhoLeadsRequest { WaitMs = (int)_wait.TotalMilliseconds }, deadline: deadline,
                cancellationToken: token).ConfigureAwait(false);
            return (node, reply.Leader ? reply.Term : -1);
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException or IOException)
        {
            return (node, -1); // Refused, past its deadline, or no longer needed.
        }
    }
}
