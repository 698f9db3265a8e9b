using Quorate.Simulation.Network;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Log;

/// <summary>
/// A model of what Raft promises: one order of commands, a leader that is moved at random, and proposals that end as
/// committed and answered, committed and never answered, or lost. The rest of the code relies only on this contract;
/// the real log is tested with real processes.
/// <para>
/// Invariant: of a leader's entries in flight, a prefix survives the leader, and no entry survives that never left a
/// machine without a majority.
/// </para>
/// </summary>
internal sealed class Consensus
{
    private static readonly TimeSpan _electionMin = TimeSpan.FromMilliseconds(300);

    private readonly SimulatedWorld _world;
    private readonly Links _links;
    private readonly Draws _draws;
    private readonly int _nodes;
    private readonly List<Entry> _committed = [];
    private readonly List<Proposal> _inFlight = [];
    private readonly Dictionary<int, SimulatedLog> _members = [];
    private long _lastIndex, _leaderlessSince;
    private int _lastLeader = -1;

    public Consensus(SimulatedWorld world, Links links, int nodes)
    {
        (_world, _links, _nodes, _draws) = (world, links, nodes, world.Stream("consensus"));
        Watch();
    }

    public int? Leader { get; private set; }

    public long Term { get; private set; }

    /// <summary>How often the leadership moved to another machine.</summary>
    public int Moves { get; private set; }

    public IReadOnlyList<Entry> Committed => _committed;

    /// <summary>Adds a process that has just started. It does not lead, even if its predecessor did.</summary>
    public void Add(SimulatedLog member)
    {
        _members[member.Machine.Id] = member;
        if (Leader == member.Machine.Id) (Leader, _leaderlessSince) = (null, _world.Now);
    }

    /// <summary>Elects another leader without a reason.</summary>
    public void Depose()
    {
        if (Leader is null) return;
        _world.Trace.Mark("a leader deposed in health");
        Elect(except: Leader.Value);
    }

    public void Propose(Proposal proposal)
    {
        bool leads = Leader == proposal.Member.Machine.Id && Term == proposal.Term;
        if (!leads)
        {
            _world.Trace.Mark("a proposal at a deposed leader");
            return; // It fails when its machine learns of the new leader, or when it times out.
        }
        proposal.Left = HasMajority(Leader!.Value);
        _inFlight.Add(proposal);
        Replicate(proposal);
    }

    /// <summary>Whether a majority confirms that the member leads now.</summary>
    public bool Confirms(SimulatedLog member, long term) =>
        Leader == member.Machine.Id && Term == term && HasMajority(member.Machine.Id);

    private bool HasMajority(int node) => 1 + Enumerable.Range(0, _nodes).Count(
        other => other != node && _links.AreInTouch(node, other)) > _nodes / 2;

    private void Replicate(Proposal proposal) => _world.After(_draws.Between(1, 30), () =>
    {
        if (!_inFlight.Contains(proposal)) return;
        if (Leader is not { } leader || !HasMajority(leader))
        {
            Replicate(proposal);
            return;
        }
        int count = _inFlight.IndexOf(proposal) + 1;
        foreach (var ready in _inFlight.Take(count).ToList()) Commit(ready, answered: !_draws.Chance(0.01));
        _inFlight.RemoveRange(0, count);
        Spread();
    });

    private void Commit(Proposal proposal, bool answered)
    {
        _committed.Add(new Entry(++_lastIndex, proposal.Command));
        _world.Trace.Add(_world.Now, "log", answered ? "committed" : "committed, unanswered");
        if (answered)
        {
            proposal.Index = _lastIndex;
            return;
        }
        _world.Trace.Mark("committed and never answered");
        proposal.Member.Lose(proposal, _draws.Between(1, 500));
    }

    private void Spread()
    {
        foreach (var member in _members.Values.Where(member => IsInTouch(member.Machine.Id)))
            member.Machine.After(_draws.Between(0, member.Machine.Id == Leader ? 5 : 60), member.CatchUp);
    }

    private bool IsInTouch(int node) => node == Leader || (Leader is { } leader && _links.AreInTouch(leader, node));

    /// <summary>Checks the cluster every few milliseconds, like heartbeats and election timers.</summary>
    private void Watch()
    {
        _world.After(_draws.Between(20, 60), Watch);
        if (Leader is { } leader && HasMajority(leader) && _members[leader].Machine.IsAlive)
            _leaderlessSince = _world.Now;
        else if (_world.Now - _leaderlessSince > (_electionMin + _draws.Between(0, 300)).Ticks) Elect(except: -1);
        foreach (var member in _members.Values.Where(m => m.Machine is { IsAlive: true, IsPaused: false }))
        {
            if (member.Machine.Id != Leader) member.Follow(IsInTouch(member.Machine.Id) ? Leader : null, Term);
            if (IsInTouch(member.Machine.Id)) member.CatchUp();
        }
    }

    private void Elect(int except)
    {
        var able = Enumerable.Range(0, _nodes).Where(node => node != except && _members.ContainsKey(node)
            && _links.Find(node) is { IsPaused: false } && HasMajority(node)).ToList();
        if (able.Count == 0)
        {
            if (except < 0) Leader = null;
            return;
        }
        int next = _draws.Of(able);
        if (next != _lastLeader) Moves++;
        (Leader, Term, _leaderlessSince, _lastLeader) = (next, Term + 1, _world.Now, next);
        _world.Trace.Add(_world.Now, "log", $"node {next} leads in term {Term}");
        Inherit();
        _lastIndex++; // the new leader's no-op
        long term = Term;
        var member = _members[next];
        member.Machine.After(_draws.Between(2, 80), () =>
        {
            if (Leader != member.Machine.Id || Term != term || _members[next] != member) return;
            member.CatchUp();
            member.Lead(term);
        });
    }

    /// <summary>The old leader's entries that the new leader has become committed; the others are lost.</summary>
    private void Inherit()
    {
        int count = 0;
        while (count < _inFlight.Count && _inFlight[count].Left && _draws.Chance(0.6)) count++;
        foreach (var proposal in _inFlight.Take(count)) Commit(proposal, answered: false);
        if (count < _inFlight.Count) _world.Trace.Mark("a proposal lost with its leader");
        foreach (var proposal in _inFlight.Skip(count)) proposal.Member.Lose(proposal, _draws.Between(1, 500));
        _inFlight.Clear();
    }
}

/// <summary>A committed command and its index in the log. No-ops have indexes, too.</summary>
internal sealed record Entry(long Index, byte[] Command);

/// <summary>A command on its way into the log.</summary>
internal sealed class Proposal(SimulatedLog member, long term, byte[] command)
{
    public SimulatedLog Member => member;
    public long Term => term;
    public byte[] Command => command;

    /// <summary>It has reached another node, so that a later leader may have it.</summary>
    public bool Left { get; set; }

    /// <summary>Its index in the log once it may be answered; 0 before.</summary>
    public long Index { get; set; }

    public TaskCompletionSource<Rounds.Outcome> Answer { get; } = new();
}
