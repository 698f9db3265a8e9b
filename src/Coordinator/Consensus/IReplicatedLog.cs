using Quorate.Rounds;

namespace Quorate.Coordinator.Consensus;

/// <summary>
/// The door into the replicated log, as everything outside Consensus sees it: <see cref="ReplicatedLog"/> with Raft
/// behind it, or the simulation's log, in which a generator moves the leadership and decides what becomes of proposals.
/// </summary>
public interface IReplicatedLog
{
    /// <summary>
    /// The newest state applied on this node; immutable. Other nodes may be ahead: see <see cref="ReadAsync"/>.
    /// </summary>
    ClusterState State { get; }

    /// <summary>Who leads, as this node knows it at this moment.</summary>
    Leadership Leadership { get; }

    /// <summary>
    /// True while this node leads, or hears a leader. It turns false within about an election timeout of losing touch
    /// with the majority; true is no promise that the next proposal succeeds.
    /// </summary>
    bool QuorumReachable { get; }

    /// <summary>
    /// The state as soon as its index is above <paramref name="after"/>: at once where it is already. For any number of
    /// waiters; none polls and none misses a change, though one may see several changes as one.
    /// </summary>
    Task<ClusterState> ChangedAsync(long after, CancellationToken token);

    /// <summary>The leadership as soon as it differs from <paramref name="seen"/>.</summary>
    Task<Leadership> LeadershipChangedAsync(Leadership seen, CancellationToken token);

    /// <summary>
    /// Puts a command into the log. Returns what the state machine said once the entry is on the disks of a majority
    /// and applied here. Bounded by <see cref="ConsensusOptions.ProposeTimeout"/>.
    /// </summary>
    /// <exception cref="NotLeaderException">Another node leads, or none; nothing was proposed.</exception>
    /// <exception cref="OutcomeUnknownException">It may or may not become committed: ask again.</exception>
    /// <exception cref="ArgumentException">The command cannot stand in a log entry; nothing was proposed.</exception>
    Task<Outcome> ProposeAsync(Command command, CancellationToken token);

    /// <summary>
    /// A state that holds everything acknowledged anywhere before the call. Leader only. Bounded like a proposal.
    /// </summary>
    /// <exception cref="NotLeaderException">Another node leads, or none.</exception>
    /// <exception cref="OutcomeUnknownException">No majority confirmed this leader in time: ask again.</exception>
    Task<ClusterState> ReadAsync(CancellationToken token);

    /// <summary>
    /// The chain hash after each command from index <paramref name="from"/> on: the last 4,096 at most.
    /// </summary>
    IReadOnlyList<(long Index, BlobHash Chain)> ChainWindow(long from);
}
