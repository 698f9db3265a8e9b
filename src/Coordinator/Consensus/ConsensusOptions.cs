using System.Diagnostics.CodeAnalysis;
using System.Net;
using Quorate.Shared.Hosts;

namespace Quorate.Coordinator.Consensus;

/// <summary>A voting node.</summary>
/// <param name="Raft">
/// Its Raft address as every node's hosts file has it. It identifies the member, whatever its name resolves to.
/// </param>
/// <param name="Dial">Where this node connects to it instead, such as a tunnel; null: at <paramref name="Raft"/>.
/// </param>
public sealed record Member(int Id, HostPort Raft, HostPort? Dial = null);

/// <summary>
/// How one node takes part in consensus. The default timeouts are the lowest without spurious elections on two cores
/// with niced trainers beside them.
/// </summary>
public sealed record ConsensusOptions
{
    /// <summary>Bytes of a member list's hash (SHA-256).</summary>
    public const int MemberHashBytes = 32;

    /// <summary>This node's id, one of <see cref="Members"/>.</summary>
    public required int Node { get; init; }

    /// <summary>All voting nodes, 1 to 9; an odd number, because an even one tolerates no more failures.</summary>
    public required IReadOnlyList<Member> Members { get; init; }

    /// <summary>Where this node listens; null: at the address that its own host name resolves to.</summary>
    public IPEndPoint? Listen { get; init; }

    /// <summary>Looks up the members' host names at each connection.</summary>
    public HostNames Names { get; init; } = HostNames.System;

    /// <summary>
    /// SHA-256 of the member list, 32 bytes. Nodes whose hashes differ exchange no Raft messages.
    /// </summary>
    public ReadOnlyMemory<byte> MemberHash { get; init; } = new byte[MemberHashBytes];

    /// <summary>Of this node's data directory; 0: not checked.</summary>
    public ulong Identity { get; init; }

    /// <summary>The identity enrolled for a member; 0: none yet. A member with another identity is refused.</summary>
    public Func<int, ulong> EnrolledIdentity { get; init; } = static _ => 0;

    /// <summary>Holds <c>wal/</c> and <c>snapshots/</c>; created if missing. One per node.</summary>
    public required string Directory { get; init; }

    /// <summary>Shortest silence of the leader after which a follower stands for election. 50 ms to 60 s.</summary>
    public TimeSpan ElectionMin { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>
    /// Longest such silence. Each node has its own slice between the two: see <see cref="OwnElection"/>.
    /// </summary>
    public TimeSpan ElectionMax { get; init; } = TimeSpan.FromMilliseconds(450);

    /// <summary>Time between a leader's heartbeats; at most half of <see cref="ElectionMin"/>.</summary>
    public TimeSpan HeartbeatEvery { get; init; } = TimeSpan.FromMilliseconds(75);

    /// <summary>
    /// Bound of one vote or heartbeat. Invariant: below <see cref="ElectionMin"/>; otherwise one hung peer outlasts
    /// every vote and no leader is ever elected.
    /// </summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromMilliseconds(240);

    /// <summary>
    /// Bound of one append at a follower, including its flush to disk; at least <see cref="RequestTimeout"/>, up to 5
    /// minutes. A leader without a majority's answer within it steps down. So that a disk which is busy for a moment
    /// deposes nobody, it is several election timeouts long.
    /// </summary>
    public TimeSpan AppendTimeout { get; init; } = TimeSpan.FromMilliseconds(1500);

    /// <summary>A leader whose own disk takes longer than this for a commit steps down.</summary>
    public TimeSpan FlushMax => 2 * AppendTimeout;

    /// <summary>Bound of one attempt to connect to a peer; at most <see cref="RequestTimeout"/>.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Awaited before each wait for a flush of the log. Tests make the disk slow with it.</summary>
    internal Func<CancellationToken, Task> BeforeFlush { get; init; } = static _ => Task.CompletedTask;

    /// <summary>Bound of one proposal or one linearizable read: a few elections long. Up to 5 minutes.</summary>
    public TimeSpan ProposeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Commands between two snapshots. A restart replays the commands since the last one, about 100,000 a second.
    /// </summary>
    public int SnapshotEvery { get; init; } = 20_000;

    /// <summary>
    /// The range from which this node draws its election timeout: the first half of its slice of the time from
    /// <see cref="ElectionMin"/> to <see cref="ElectionMax"/>. Slices follow the order of the ids.
    /// <para>
    /// A node votes only after its own timeout, so the first of two survivors to stand is always refused and waits
    /// again; the second is then elected. If both drew from the same range, the second would stand just as the first
    /// stands again in a quarter of all elections; both would vote for themselves and the election would fail
    /// (measured: terms skipped in 1 of 4 failovers, 0.5 s each). With slices, and ElectionMax at 1.5 times
    /// ElectionMin, the first stands again long after the second is elected.
    /// </para>
    /// </summary>
    public (TimeSpan Min, TimeSpan Max) OwnElection
    {
        get
        {
            var slice = (ElectionMax - ElectionMin) / Members.Count;
            var min = ElectionMin + slice * Members.Count(member => member.Id < Node);
            return (min, min + slice / 2);
        }
    }

    /// <summary>False when a rule is broken; <paramref name="error"/> names the first one in a sentence.</summary>
    public bool IsValid([NotNullWhen(false)] out string? error) => (error = FirstError()) is null;

    private string? FirstError()
    {
        if (Members.Count is < 1 or > 9) return $"A cluster has 1 to 9 nodes, not {Members.Count}.";
        if (Members.Count % 2 == 0)
            return $"A cluster has an odd number of nodes, not {Members.Count}: one more node would tolerate one "
                + $"more failure.";
        if (Members.Select(m => m.Id).Distinct().Count() != Members.Count) return "Two nodes share an id.";
        if (Members.Select(m => m.Raft).Distinct().Count() != Members.Count) return "Two nodes share a Raft address.";
        if (Members.FirstOrDefault(m => m.Id < 0) is { } negative) return $"Node id {negative.Id} is negative.";
        if (Members.All(m => m.Id != Node)) return $"Node {Node} is not a node of this cluster.";
        if (string.IsNullOrWhiteSpace(Directory)) return "The consensus directory has no name.";
        if (ElectionMin < TimeSpan.FromMilliseconds(50) || ElectionMin > TimeSpan.FromSeconds(60))
            return $"electionMin must be 50 ms to 60 s, not {Shown(ElectionMin)}.";
        if (ElectionMax < ElectionMin * 1.25 || ElectionMax > TimeSpan.FromMinutes(2))
            return $"electionMax must be 1.25 times electionMin ({Shown(ElectionMin)}) to 120 s, not "
                + $"{Shown(ElectionMax)}.";
        if (HeartbeatEvery < TimeSpan.FromMilliseconds(5) || HeartbeatEvery > ElectionMin / 2)
            return $"heartbeatEvery must be 5 ms to half of electionMin ({Shown(ElectionMin / 2)}), not "
                + $"{Shown(HeartbeatEvery)}.";
        if (RequestTimeout < TimeSpan.FromMilliseconds(20) || RequestTimeout >= ElectionMin)
            return $"requestTimeout must be 20 ms to below electionMin ({Shown(ElectionMin)}), not "
                + $"{Shown(RequestTimeout)}.";
        if (AppendTimeout < RequestTimeout || AppendTimeout > TimeSpan.FromMinutes(5))
            return $"appendTimeout must be requestTimeout ({Shown(RequestTimeout)}) to 300 s, not "
                + $"{Shown(AppendTimeout)}.";
        if (ConnectTimeout < TimeSpan.FromMilliseconds(10) || ConnectTimeout > RequestTimeout)
            return $"connectTimeout must be 10 ms to requestTimeout ({Shown(RequestTimeout)}), not "
                + $"{Shown(ConnectTimeout)}.";
        if (ProposeTimeout < ElectionMin || ProposeTimeout > TimeSpan.FromMinutes(5))
            return $"proposeTimeout must be electionMin ({Shown(ElectionMin)}) to 300 s, not {Shown(ProposeTimeout)}.";
        if (SnapshotEvery is < 1 or > 1_000_000) return $"snapshotEvery must be 1 to 1000000, not {SnapshotEvery}.";
        return null;
    }

    private static string Shown(TimeSpan span) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{span.TotalMilliseconds:0.#} ms");
}
