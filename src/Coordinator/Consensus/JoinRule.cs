namespace Quorate.Coordinator.Consensus;

/// <summary>What a peer says about itself and about the asking node before that one takes part.</summary>
/// <param name="Node">The peer's id.</param>
/// <param name="Fresh">It has never voted.</param>
/// <param name="KnowsAnother">It met the asking node under another data directory: the node has lost its old one.</param>
/// <param name="Term">Its newest term; 0 while it does not take part.</param>
/// <param name="Leader">The leader it hears, or null.</param>
public sealed record PeerAnswer(int Node, bool Fresh, bool KnowsAnother, long Term, int? Leader);

/// <summary>Whether a node may take part now. Closed hierarchy.</summary>
public abstract record JoinDecision
{
    /// <summary>Take part: from now on the node votes.</summary>
    public sealed record Start : JoinDecision;

    /// <summary>Ask the peers again; <paramref name="Why"/> is for the log.</summary>
    public sealed record Wait(string Why) : JoinDecision;

    /// <summary>Exit with this sentence.</summary>
    public sealed record Refuse(string Why) : JoinDecision;
}

/// <summary>
/// Decides whether a node may vote. A voter that lost its data directory has forgotten whom it voted for and what it
/// acknowledged: it could vote twice in one term, or elect a leader that lacks what it once held. So a node with a
/// fresh directory takes part only where it is shown that it never did before, or where an operator says
/// <c>--rejoin</c> and the others already have a leader between them.
/// <para>
/// What <c>--rejoin</c> cannot give: entries that only the lost directory and the leader held are at risk until the
/// node has caught up, should that leader die meanwhile. That is the price of losing a disk, a few seconds long.
/// </para>
/// </summary>
public static class JoinRule
{
    /// <param name="node">The asking node.</param>
    /// <param name="fresh">Its data directory holds no vote.</param>
    /// <param name="rejoin">The operator said that the old directory is lost for good.</param>
    /// <param name="nodes">Voting nodes in the cluster, the asking one included.</param>
    /// <param name="answers">What those peers answered that answered at all, one each.</param>
    public static JoinDecision Decide(
        int node, bool fresh, bool rejoin, int nodes, IReadOnlyCollection<PeerAnswer> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(answers.Count, nodes);
        if (!fresh) return new JoinDecision.Start();

        var witness = answers.FirstOrDefault(a => a.KnowsAnother);
        if (witness is not null && !rejoin)
            return new JoinDecision.Refuse(
                $"Node {node} has an empty data directory, but node {witness.Node} knows it by another one: "
                + "a voter that forgot its votes can vote twice. Restore the directory, or start once with --rejoin if it is lost.");

        int others = nodes - 1;
        if (witness is null)
        {
            // Whoever ever took part was met by a peer first; when all of them have never met this node, it did not.
            if (answers.Count == others) return new JoinDecision.Start();
            if (answers.Count + 1 > nodes / 2 && answers.All(a => a.Fresh)) return new JoinDecision.Start();
        }
        if (!rejoin)
            return new JoinDecision.Wait(answers.All(a => a.Fresh)
                ? $"Node {node} waits for a majority of the {nodes} nodes: {answers.Count + 1} are there."
                : $"Node {node} has an empty data directory and waits until all {others} peers say that they never met it: "
                  + $"{answers.Count} did. If its old directory is lost, start it once with --rejoin.");

        // A majority of the others, so that one of them was in every majority that the forgotten votes could have made.
        int agreeing = answers.Where(a => a.Leader is not null && a.Leader != node && a.Term > 0)
            .GroupBy(a => (a.Leader, a.Term)).Select(group => group.Count()).DefaultIfEmpty(0).Max();
        return agreeing > others / 2
            ? new JoinDecision.Start()
            : new JoinDecision.Wait(
                $"Node {node} rejoins once more than half of its {others} peers hear one leader in one term: {agreeing} do.");
    }
}
