using Quorate.Rounds;

namespace Quorate.Coordinator.Consensus;

/// <summary>
/// The replicated log as everything outside Consensus sees it. Two implementations: Raft
/// (<see cref="DotNext.ReplicatedLog"/>), and the simulation's log, in which a generator moves the leadership and
/// decides the fate of proposals.
/// </summary>
public interface IReplicatedLog
{
    /// <summary>
    /// The newest state applied on this node; immutable. Other nodes may be ahead: see <see cref="ReadAsync"/>.
    /// </summary>
    ClusterState State { get; }

    /// <summary>The leader as this node knows it now.</summary>
    Leadership Leadership { get; }

    /// <summary>
    /// True while this node leads or follows a leader. It turns false about one election timeout after this node loses
    /// contact with the majority. True does not promise that the next proposal succeeds.
    /// </summary>
    bool QuorumReachable { get; }

    /// <summary>
    /// Returns the state once its index is above <paramref name="after"/>; at once if it already is. Any number of
    /// callers may wait. None polls and none misses the newest state, but several changes may be seen as one.
    /// </summary>
    Task<ClusterState> ChangedAsync(long after, CancellationToken token);

    /// <summary>Returns the leadership once it differs from <paramref name="seen"/>.</summary>
    Task<Leadership> LeadershipChangedAsync(Leadership seen, CancellationToken token);

    /// <summary>
    /// Appends a command to the log. Returns the state machine's outcome once the entry is on the disks of a majority
    /// and applied here. Bounded by <see cref="ConsensusOptions.ProposeTimeout"/>.
    /// </summary>
    /// <exception cref="NotLeaderException">Another node leads, or none; nothing was proposed.</exception>
    /// <exception cref="OutcomeUnknownException">The command may or may not be committed; repeat it.</exception>
    /// <exception cref="ArgumentException">The command does not fit into a log entry; nothing was proposed.</exception>
    Task<Outcome> ProposeAsync(Command command, CancellationToken token);

    /// <summary>
    /// Returns a state that contains everything acknowledged anywhere before the call. Leader only; bounded like a
    /// proposal.
    /// </summary>
    /// <exception cref="NotLeaderException">Another node leads, or none.</exception>
    /// <exception cref="OutcomeUnknownException">No majority confirmed this leader in time; try again.</exception>
    Task<ClusterState> ReadAsync(CancellationToken token);

    /// <summary>
    /// The chain hash after each command from index <paramref name="from"/> on, ascending, at most
    /// <paramref name="max"/>. The last 4,096 are remembered.
    /// </summary>
    IReadOnlyList<(long Index, BlobHash Chain)> ChainWindow(long from, int max = Consensus.ChainWindow.Capacity);
}

/// <summary>The leader as this node knows it.</summary>
/// <param name="LeaderNode">The leader's id; null while none is known.</param>
/// <param name="Term">The newest term this node has seen.</param>
/// <param name="Token">
/// Cancelled when this node stops leading, and from the start if it does not lead. Handed out only after the leader's
/// own first entry is committed, so that its state contains everything ever acknowledged.
/// </param>
public sealed record Leadership(int? LeaderNode, long Term, CancellationToken Token)
{
    /// <summary>True while this node leads. Another node may have taken over without this one knowing yet.</summary>
    public bool IsLeader => !Token.IsCancellationRequested;
}
