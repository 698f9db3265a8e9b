using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Peering;

/// <summary>
/// Peers that answer and yet get no further, seen over several looks. Pure: it is told what was seen.
/// </summary>
/// <param name="looksMax">Looks in a row at the same index, below what the leader had at the look before.</param>
internal sealed class Laggards(int looksMax)
{
    private readonly Dictionary<int, (long Index, int Looks)> _behind = [];
    private long _leaderHad;

    /// <summary>
    /// A peer that is stuck; null: none. One that did not answer is down, not stuck; one in term 0 has no vote yet, and
    /// no other leader would replicate to it.
    /// </summary>
    public int? Look(long leaderHas, IReadOnlyCollection<(int Node, long Term, long Index)> peers)
    {
        var voting = peers.Where(peer => peer.Term > 0).ToList();
        foreach (int silent in _behind.Keys.Except(voting.Select(peer => peer.Node)).ToList()) _behind.Remove(silent);
        foreach (var (node, _, index) in voting)
        {
            if (index >= _leaderHad) _behind.Remove(node);
            else if (_behind.TryGetValue(node, out var was) && was.Index == index)
                _behind[node] = (index, was.Looks + 1);
            else _behind[node] = (index, 1);
        }
        _leaderHad = leaderHas;
        return _behind.Where(peer => peer.Value.Looks >= looksMax).Select(peer => (int?)peer.Key).FirstOrDefault();
    }
}

/// <summary>
/// The leader's watch over the replication to its peers. The library can get stuck at it: a follower that has installed
/// a snapshot, whose answer was too late, refuses the same snapshot ever after, and its leader sends nothing else (seen
/// under load: chaos-tests/Disk). A new leader asks the follower what it has, so this one makes way for the next.
/// </summary>
internal sealed partial class LaggardWatch(
    ReplicatedLog log, PeerConnections peers, CoordinatorOptions options, TimeProvider time,
    ILogger<LaggardWatch> logger) : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Ten seconds without a step: a healthy follower needs some milliseconds, one that loads a snapshot a second.
    /// </summary>
    private const int LooksMax = 5;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(LookEvery, time);
        for (var laggards = new Laggards(LooksMax); await tick.WaitForNextTickAsync(stoppingToken);)
        {
            if (!log.Leadership.IsLeader)
            {
                laggards = new Laggards(LooksMax);
                continue;
            }
            long index = log.State.Index;
            var hellos = await peers.HelloAllAsync(new HelloRequest { Node = options.Node }, stoppingToken);
            var seen = hellos.Select(hello => (hello.Node, hello.Term, hello.Index)).ToList();
            if (laggards.Look(index, seen) is not { } stuck) continue;
            LogStuck(stuck);
            laggards = new Laggards(LooksMax);
            await log.ResignAsync(stoppingToken);
        }
    }

    [LoggerMessage(EventIds.FollowerStuck, LogLevel.Warning,
        "Node {Node} answers and gets no further; this leader makes way for one that replicates to it afresh.")]
    private partial void LogStuck(int node);
}
