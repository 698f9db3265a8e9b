using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Peering;

/// <summary>
/// Finds peers that answer but make no progress over several looks. Pure: the caller passes what it saw.
/// </summary>
/// <param name="looksMax">Consecutive looks at the same index, below the leader's index at the look before.</param>
internal sealed class Laggards(int looksMax)
{
    private readonly Dictionary<int, (long Index, int Looks)> _behind = [];
    private long _leaderHad;

    /// <summary>
    /// True with a peer that is stuck. A peer that did not answer is down, not stuck. One in term 0 has no vote yet,
    /// and another leader would not replicate to it either.
    /// </summary>
    public bool TryFindStuck(
        long leaderHas, IReadOnlyCollection<(int Node, long Term, long Index)> peers, out int stuck)
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
        var found = _behind.Where(peer => peer.Value.Looks >= looksMax).Select(peer => (int?)peer.Key).FirstOrDefault();
        stuck = found ?? -1;
        return found is not null;
    }
}

/// <summary>Gives up this node's leadership; does nothing on a follower.</summary>
internal delegate Task StepDown(CancellationToken token);

/// <summary>
/// The leader's watch over the replication to its peers. The library's replication can get stuck: a follower that has
/// installed a snapshot, but answered too late, refuses the same snapshot from then on, and its leader sends nothing
/// else (seen under load: chaos-tests/Disk). A new leader asks the follower for its index, so this one steps down.
/// </summary>
internal sealed partial class LaggardWatch(
    IReplicatedLog log, StepDown stepDown, PeerConnections peers, CoordinatorOptions options, TimeProvider time,
    ILogger<LaggardWatch> logger) : BackgroundService
{
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Ten seconds without progress. A healthy follower needs milliseconds, one that loads a snapshot a second.
    /// </summary>
    private const int LooksMax = 5;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(_lookEvery, time);
        for (var laggards = new Laggards(LooksMax); await tick.WaitForNextTickAsync(stoppingToken);)
        {
            if (!log.Leadership.IsLeader)
            {
                laggards = new Laggards(LooksMax);
                continue;
            }
            long index = log.State.Index;
            var answers = await peers.HelloAllAsync(new HelloRequest { Node = options.Node }, stoppingToken);
            var seen = answers.Accepted.Select(hello => (hello.Node, hello.Term, hello.Index)).ToList();
            if (!laggards.TryFindStuck(index, seen, out int stuck)) continue;
            LogStuck(stuck);
            laggards = new Laggards(LooksMax);
            await stepDown(stoppingToken);
        }
    }

    [LoggerMessage(EventIds.FollowerStuck, LogLevel.Warning,
        "Follower {Node} makes no progress; stepping down.")]
    private partial void LogStuck(int node);
}
