using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Cluster;

/// <summary>
/// Finds the leader without polling: all nodes are asked at once, and each answers when it leads, or when it has waited
/// long enough. So a new leader is known one message after it began to lead, a node that hangs costs nothing, and while
/// there is no leader a client asks once a second, however many clients there are.
/// </summary>
internal sealed class LeaderSearch(IReadOnlyList<NodeConnection> nodes, TimeProvider time)
{
    /// <summary>
    /// How long a node is asked to wait: two elections. A node that started meanwhile is asked after it.
    /// </summary>
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(1);

    private long _newestTerm;

    /// <summary>The first node that says it leads, in no older term than was heard of; null when none does.</summary>
    /// <param name="patience">What a node may take for its answer beyond the wait.</param>
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
                // A leader that was stopped and woke up says that it leads until it hears of its successor.
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

    /// <summary>A term of -1: it does not lead, or did not answer.</summary>
    private async Task<(NodeConnection Node, long Term)> AskAsync(
        NodeConnection node, TimeSpan patience, CancellationToken token)
    {
        try
        {
            var deadline = time.GetUtcNow().UtcDateTime + Wait + patience;
            var reply = await node.Federation.WhoLeadsAsync(
                new WhoLeadsRequest { WaitMs = (int)Wait.TotalMilliseconds }, deadline: deadline,
                cancellationToken: token).ConfigureAwait(false);
            return (node, reply.Leader ? reply.Term : -1);
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException or IOException)
        {
            return (node, -1); // Refused, over its deadline, or no longer of interest.
        }
    }
}
