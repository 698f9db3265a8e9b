using Quorate.Coordinator.Consensus;
using Quorate.Rounds;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Log;

/// <summary>How a replica applies a command: the state machine, or a test's replacement for it.</summary>
internal delegate (ClusterState State, Outcome Outcome) Applying(
    ClusterState state, long index, Command command, ReadOnlySpan<byte> bytes);

/// <summary>One node's log: applies committed entries at its own pace, with the real codec and state machine.</summary>
internal sealed class SimulatedLog : IReplicatedLog
{
    private const int SnapshotEvery = 16;

    private static readonly TimeSpan _silenceMax = TimeSpan.FromMilliseconds(450);
    private static readonly TimeSpan _proposeTimeout = TimeSpan.FromSeconds(5);
    private static readonly CancellationToken _never = new(canceled: true);

    private readonly Consensus _consensus;
    private readonly Applying _apply;
    private readonly Latest<ClusterState> _state;
    private readonly Latest<Leadership> _leadership = new(new Leadership(null, 0, _never));
    private readonly ChainWindow _chains = new();
    private readonly List<Proposal> _open = [];
    private CancellationTokenSource? _reign;
    private int _applied, _lastSnapshot;
    private long _lastContact;

    public SimulatedLog(Machine machine, Consensus consensus, Applying apply, Snapshot? snapshot)
    {
        (Machine, _consensus, _apply) = (machine, consensus, apply);
        LastSnapshot = snapshot;
        var state = snapshot is null ? ClusterState.Empty : StateCodec.Decode(snapshot.Bytes);
        _state = new Latest<ClusterState>(state);
        _applied = _lastSnapshot = snapshot?.Applied ?? 0;
        if (snapshot is not null) _chains.Add(state.Index, state.Chain);
        consensus.Add(this);
    }

    public Machine Machine { get; }

    /// <summary>The snapshot that a restart loads.</summary>
    public Snapshot? LastSnapshot { get; private set; }

    public ClusterState State => _state.Value;

    public Leadership Leadership => _leadership.Value;

    public bool QuorumReachable => Leadership.LeaderNode is not null;

    public Task<ClusterState> ChangedAsync(long after, CancellationToken token) =>
        _state.WhenAsync(state => state.Index > after, token);

    public Task<Leadership> LeadershipChangedAsync(Leadership seen, CancellationToken token) =>
        _leadership.WhenAsync(now => now != seen, token);

    public IReadOnlyList<(long Index, BlobHash Chain)> ChainWindow(
        long from, int max = Quorate.Coordinator.Consensus.ChainWindow.Capacity) => _chains.From(from, max);

    public async Task<Outcome> ProposeAsync(Command command, CancellationToken token)
    {
        byte[] bytes = CommandCodec.Encode(command, State.Level);
        var leading = ThrowUnlessLeader();
        var proposal = new Proposal(this, leading.Term, bytes);
        _open.Add(proposal);
        Lose(proposal, _proposeTimeout);
        using var given = token.Register(() => proposal.Answer.TrySetCanceled(token));
        _consensus.Propose(proposal);
        try
        {
            return await proposal.Answer.Task;
        }
        finally
        {
            _open.Remove(proposal);
        }
    }

    public async Task<ClusterState> ReadAsync(CancellationToken token)
    {
        var leading = ThrowUnlessLeader();
        long until = Machine.World.Now + _proposeTimeout.Ticks;
        while (Machine.World.Now < until && leading.IsLeader)
        {
            await Machine.DelayAsync(TimeSpan.FromMilliseconds(5));
            token.ThrowIfCancellationRequested();
            if (!_consensus.Confirms(this, leading.Term)) continue;
            CatchUp();
            return State;
        }
        throw new OutcomeUnknownException("no majority confirmed this leader");
    }

    /// <summary>Applies committed entries that are not applied here yet, and answers proposals of this node.</summary>
    public void CatchUp()
    {
        for (; _applied < _consensus.Committed.Count; _applied++)
        {
            var entry = _consensus.Committed[_applied];
            var (state, outcome) = _apply(State, entry.Index, CommandCodec.Decode(entry.Command), entry.Command);
            _chains.Add(state.Index, state.Chain);
            _state.Set(state);
            if (_open.Find(open => open.Index == entry.Index) is { } own) own.Answer.TrySetResult(outcome);
        }
        if (_applied - _lastSnapshot < SnapshotEvery) return;
        _lastSnapshot = _applied;
        LastSnapshot = new Snapshot(StateCodec.Encode(State), _applied);
    }

    public void Lead(long term)
    {
        if (_reign is { IsCancellationRequested: false } && Leadership.Term == term) return;
        _reign?.Cancel();
        _reign = new CancellationTokenSource();
        _lastContact = Machine.World.Now;
        _leadership.Set(new Leadership(Machine.Id, term, _reign.Token));
    }

    /// <summary>Another node leads, or no leader is known.</summary>
    public void Follow(int? leader, long term)
    {
        // A node that is cut off does not learn a newer term, and gives up its own only after an election timeout.
        if (leader is not null) _lastContact = Machine.World.Now;
        else if (Machine.World.Now - _lastContact < _silenceMax.Ticks) return;
        else term = Leadership.Term;
        var now = new Leadership(leader, term, _never);
        if (now == Leadership) return;
        bool ended = _reign is { IsCancellationRequested: false };
        if (ended) Machine.Note("leads no more");
        _reign?.Cancel();
        _leadership.Set(now);
        if (!ended) return;
        foreach (var open in _open.ToList())
            open.Answer.TrySetException(new OutcomeUnknownException("this node lost its leadership"));
    }

    /// <summary>The proposer will learn only that the outcome is unknown.</summary>
    public void Lose(Proposal proposal, TimeSpan after) => Machine.After(after, () =>
    {
        if (proposal.Answer.TrySetException(new OutcomeUnknownException("no answer came in time")))
            Machine.World.Trace.Mark("the outcome of a proposal unknown");
    });

    private Leadership ThrowUnlessLeader() =>
        Leadership is { IsLeader: true } leading ? leading : throw new NotLeaderException(Leadership.LeaderNode);
}

/// <summary>An encoded state and the number of applied commands.</summary>
internal sealed record Snapshot(byte[] Bytes, int Applied);
