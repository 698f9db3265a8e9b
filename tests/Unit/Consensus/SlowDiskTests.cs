using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Quorate.Coordinator.Consensus;
using Quorate.Rounds;

namespace Quorate.Unit.Consensus;

/// <summary>
/// A disk that is busy for a moment must not cost the cluster its leader. Once, a flush of the leader delayed its
/// heartbeats, and a flush of the followers exceeded the time limit of a request: an election in both cases.
/// </summary>
public sealed class SlowDiskTests
{
    /// <summary>Longer than any election timeout of these clusters (750 ms).</summary>
    private static readonly TimeSpan _flush = TimeSpan.FromMilliseconds(1200);

    private static CancellationToken Patience =>
        new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System).Token;

    [Fact]
    public async Task A_leader_stays_leader_while_its_own_disk_is_slow()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(token);
        await cluster.ProposeAsync(Commands.Open(), token);
        int leader = await cluster.LeaderAsync(token);
        var leadership = cluster[leader].Leadership;

        cluster.Disk = (node, flush) => node == leader ? Task.Delay(_flush, TimeProvider.System, flush)
            : Task.CompletedTask;
        var outcome = await cluster[leader].ProposeAsync(Commands.Join(1), token);

        Assert.Equal(Verdict.Accepted, outcome.Verdict);
        Assert.Equal(leadership, cluster[leader].Leadership);
        Assert.All(cluster.Up, node => Assert.Equal(leadership.Term, cluster[node].Leadership.Term));
    }

    [Fact]
    public async Task A_leader_stays_leader_while_the_disks_of_all_followers_are_slow()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(token);
        await cluster.ProposeAsync(Commands.Open(), token);
        int leader = await cluster.LeaderAsync(token);
        var leadership = cluster[leader].Leadership;

        cluster.Disk = (node, flush) => node == leader ? Task.CompletedTask
            : Task.Delay(_flush, TimeProvider.System, flush);
        var outcome = await cluster[leader].ProposeAsync(Commands.Join(1), token);

        Assert.Equal(Verdict.Accepted, outcome.Verdict);
        Assert.Equal(leadership, cluster[leader].Leadership);
    }

    [Fact]
    public async Task A_leader_whose_disk_hangs_makes_way_for_another_one()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(
            token, appendTimeout: TimeSpan.FromMilliseconds(500));
        await cluster.ProposeAsync(Commands.Open(), token);
        int old = await cluster.LeaderAsync(token);
        var ended = new TaskCompletionSource();
        await using var registration = cluster[old].Leadership.Token.Register(ended.SetResult);

        cluster.Disk = (node, flush) => node == old ? Task.Delay(Timeout.Infinite, flush) : Task.CompletedTask;
        var lost = cluster[old].ProposeAsync(Commands.Join(1), token);
        await ended.Task.WaitAsync(token);
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => lost);

        Assert.Equal(Verdict.Duplicate, (await cluster.ProposeAsync(Commands.Open(), token)).Verdict);
        Assert.NotEqual(old, await cluster.LeaderAsync(token));
        cluster.Disk = static (_, _) => Task.CompletedTask;
    }

    /// <summary>
    /// A node that is elected while its disk hangs cannot commit its first entry, so its leadership is never announced.
    /// It once kept such a leadership for ever.
    /// </summary>
    [Fact]
    public async Task A_leadership_that_is_not_announced_ends_too_while_the_disk_hangs()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(
            token, appendTimeout: TimeSpan.FromMilliseconds(500));
        await cluster.ProposeAsync(Commands.Open(), token);
        int old = await cluster.LeaderAsync(token);

        // In three terms, the disk of whoever leads, or was elected just now, hangs.
        var terms = new ConcurrentDictionary<long, bool>();
        cluster.Disk = (node, flush) =>
        {
            var seen = cluster[node].Leadership;
            if (seen.LeaderNode is { } leader && leader != node) return Task.CompletedTask;
            if (terms.Count < 3) terms.TryAdd(seen.Term, true);
            return terms.ContainsKey(seen.Term) ? Task.Delay(Timeout.Infinite, flush) : Task.CompletedTask;
        };
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => cluster[old].ProposeAsync(Commands.Join(1), token));

        Assert.Equal(Verdict.Duplicate, (await cluster.ProposeAsync(Commands.Open(), token)).Verdict);
        Assert.Equal(3, terms.Count);
        cluster.Disk = static (_, _) => Task.CompletedTask;
    }

    /// <summary>A peer that hangs accepts connections, because its kernel does, and never answers.</summary>
    [Fact]
    public async Task A_peer_that_hangs_does_not_keep_the_others_from_electing_a_leader()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(
            token, appendTimeout: TimeSpan.FromMinutes(5), nodes: 0, voteTimeout: TimeSpan.FromMilliseconds(200));
        using var hung = new TcpListener(IPAddress.Loopback, cluster.Options(2).Members[2].Raft.Port);
        hung.Start();
        await Task.WhenAll(cluster.StartNodeAsync(0, token), cluster.StartNodeAsync(1, token));

        Assert.Equal(Verdict.Accepted, (await cluster.ProposeAsync(Commands.Open(), token)).Verdict);
    }
}
