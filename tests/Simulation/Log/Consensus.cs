using Quorate.Simulation.Network;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Log;

/// <summary>
/// What Raft promises, as a model of it: one order of commands, a leader that the generator moves, and proposals in
/// flight that end as committed and answered, as committed and never answered, or as lost. That is the whole contract
/// that the rest relies on; the real log is tested with real processes.
/// <para>
/// Invariant: a leader's entries in flight survive it as a prefix of their order, and none that never left a machine
/// without a majority does.
/// </para>
/// </summary>
internal sealed class Consensus
{
    private static readonly TimeSpan ElectionMin = TimeSpan.FromMilliseconds(300);

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

    /// <summary>Times that the leadership went from one machine to another.</summary>
    public int Moves { get; private set; }

    public IReadOnlyList<Entry> Committed => _committed;

    /// <summary>A process that starts leads nothing, whatever the one before it did.</summary>
    public void Add(SimulatedLog member)
    {
        _members[member.Machine.Id] = member;
        if (Leader == member.Machine.Id) (Leader, _leaderlessSince) = (null, _world.Now);
    }

    /// <summary>Another leader, for no reason that anybody could see.</summary>
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
            _world.Trace.Mark("a proposal at a leader that is none any more");
            return; // Told when its machine hears of its successor, or when its time is over.
        }
        proposal.Left = HasMajority(Leader!.Value);
        _inFlight.Add(proposal);
        Replicate(proposal);
    }

    /// <summary>Whether the member leads as of now, confirmed by a majority.</summary>
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
        foreach (var member in _members.Values.Where(member => Hears(member.Machine.Id)))
            member.Machine.After(_draws.Between(0, member.Machine.Id == Leader ? 5 : 60), member.CatchUp);
    }

    private bool Hears(int node) => node == Leader || (Leader is { } leader && _links.AreInTouch(leader, node));

    /// <summary>Looks at the cluster every few milliseconds, as heartbeats and election timers do.</summary>
    private void Watch()
    {
        _world.After(_draws.Between(20, 60), Watch);
        if (Leader is { } leader && HasMajority(leader) && _members[leader].Machine.IsAlive)
            _leaderlessSince = _world.Now;
        else if (_world.Now - _leaderlessSince > (ElectionMin + _draws.Between(0, 300)).Ticks) Elect(except: -1);
        foreach (var member in _members.Values.Where(m => m.Machine is { IsAlive: true, IsPaused: false }))
        {
            if (member.Machine.Id != Leader) member.Hear(Hears(member.Machine.Id) ? Leader : null, Term);
            if (Hears(member.Machine.Id)) member.CatchUp();
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

    /// <summary>What the new leader has of the old one's entries becomes committed; the rest never was.</summary>
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

/// <summary>A committed command and its place in the log; no-ops take places of their own.</summary>
internal sealed record Entry(long Index, byte[] Command);

/// <summary>A command on its way into the log.</summary>
internal sealed class Proposal(SimulatedLog member, long term, byte[] command)
{
    public SimulatedLog Member => member;
    public long Term => term;
    public byte[] Command => command;

    /// <summary>It has reached another node, so that a later leader may have it.</summary>
    public bool Left { get; set; }

    /// <summary>Where it stands in the log, once it may be answered; 0 before.</summary>
    public long Index { get; set; }

    public TaskCompletionSource<Rounds.Outcome> Answer { get; } = new();
}
