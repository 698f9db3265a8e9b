using Quorate.Coordinator.Consensus;
using Quorate.Rounds;

namespace Quorate.Unit.Consensus;

public sealed class ReplicatedLogTests
{
    // No assertion is about time; this only ends a test that would hang.
    private static CancellationToken Patience =>
        new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System).Token;

    [Fact]
    public async Task A_proposal_gets_the_outcome_of_the_state_machine_and_reaches_every_node()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(token);

        Assert.Equal(Verdict.Accepted, (await cluster.ProposeAsync(Commands.Open(), token)).Verdict);
        Assert.Equal(Verdict.Duplicate, (await cluster.ProposeAsync(Commands.Open(), token)).Verdict);
        Assert.Equal(Verdict.Rejected, (await cluster.ProposeAsync(Commands.Open("{ }"), token)).Verdict);

        long last = cluster[await cluster.LeaderAsync(token)].State.Index;
        await cluster.AppliedAsync(last, token);
        var chains = cluster.Up.Select(node => cluster[node].State.Chain).ToArray();
        Assert.All(chains, chain => Assert.Equal(chains[0], chain));
        Assert.All(cluster.Up, node => Assert.Equal(3, cluster[node].ChainWindow(0).Count));
        Assert.Equal(last, Assert.Single(cluster[0].ChainWindow(last)).Index);
        Assert.Empty(cluster.Broken);
    }

    [Fact]
    public async Task A_follower_refuses_proposals_and_linearizable_reads_and_names_the_leader()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(token);
        await cluster.ProposeAsync(Commands.Open(), token);
        int leader = await cluster.LeaderAsync(token);
        int follower = cluster.Up.First(node => node != leader);
        await cluster[follower].ChangedAsync(0, token);

        var refused = await Assert.ThrowsAsync<NotLeaderException>(
            () => cluster[follower].ProposeAsync(Commands.Join(1), token));
        Assert.Equal(leader, refused.LeaderNode);
        await Assert.ThrowsAsync<NotLeaderException>(() => cluster[follower].ReadAsync(token));

        Assert.True(cluster[leader].QuorumReachable);
        Assert.NotNull((await cluster[leader].ReadAsync(token)).Find(Commands.Run));
    }

    [Fact]
    public async Task A_new_leader_takes_over_with_everything_acknowledged()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(token);
        await cluster.ProposeAsync(Commands.Open(), token);
        int old = await cluster.LeaderAsync(token);
        var oldLeadership = cluster[old].Leadership;

        await cluster.StopNodeAsync(old);
        Assert.False(oldLeadership.IsLeader);
        Assert.Equal(Verdict.Duplicate, (await cluster.ProposeAsync(Commands.Open(), token)).Verdict);
        int now = await cluster.LeaderAsync(token);
        Assert.NotEqual(old, now);
        Assert.True(cluster[now].Leadership.Term > oldLeadership.Term);

        await cluster.StartNodeAsync(old, token);
        await cluster.ProposeAsync(Commands.Join(1), token);
        await cluster.AppliedAsync(cluster[await cluster.LeaderAsync(token)].State.Index, token);
        Assert.Equal(1, cluster[old].State.Runs[^1].Present);
        Assert.Empty(cluster.Broken);
    }

    [Fact]
    public async Task Without_a_majority_nothing_is_accepted_and_the_proposer_is_told()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(token, proposeTimeout: TimeSpan.FromSeconds(2));
        await cluster.ProposeAsync(Commands.Open(), token);
        int leader = await cluster.LeaderAsync(token);
        var leadership = cluster[leader].Leadership;
        foreach (int follower in cluster.Up.Where(node => node != leader).ToArray())
            await cluster.StopNodeAsync(follower);

        var failure = await Record.ExceptionAsync(() => cluster[leader].ProposeAsync(Commands.Join(1), token));
        Assert.True(failure is OutcomeUnknownException or NotLeaderException, $"{failure}");
        await cluster[leader].LeadershipChangedAsync(leadership, token);
        Assert.False(cluster[leader].Leadership.IsLeader);
        Assert.False(cluster[leader].QuorumReachable);
        await Assert.ThrowsAsync<NotLeaderException>(() => cluster[leader].ReadAsync(token));
        Assert.Equal(0, cluster[leader].State.Runs[^1].Present);
    }

    [Fact]
    public async Task Every_waiter_wakes_for_a_change_and_none_before_it()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(token);
        var waiters = cluster.Up.SelectMany(
            node => Enumerable.Range(0, 20).Select(_ => cluster[node].ChangedAsync(0, token))).ToArray();
        Assert.All(waiters, waiter => Assert.False(waiter.IsCompleted));

        await cluster.ProposeAsync(Commands.Open(), token);
        Assert.All(await Task.WhenAll(waiters), state => Assert.NotNull(state.Find(Commands.Run)));
    }

    [Fact]
    public async Task A_command_that_no_node_could_decode_is_never_proposed()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(token);
        var leader = cluster[await cluster.LeaderAsync(token)];

        await Assert.ThrowsAsync<ArgumentException>(
            () => leader.ProposeAsync(Commands.Open(new string('x', Limits.PlanChars + 1)), token));
        await Assert.ThrowsAsync<ArgumentException>(
            () => leader.ProposeAsync(new Command.CloseRound(default, 1, 0), token));
        Assert.Equal(Verdict.Accepted, (await cluster.ProposeAsync(Commands.Open(), token)).Verdict);
        Assert.Empty(cluster.Broken);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(15)]
    [InlineData(29)]
    public async Task A_follower_that_was_away_for_longer_than_the_log_reaches_back_catches_up(int had)
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(token, snapshotEvery: 10);
        await cluster.ProposeAsync(Commands.Open(), token);
        for (int i = 0; i < had; i++) await cluster.ProposeAsync(Commands.Join(i), token);
        int away = (await cluster.LeaderAsync(token) + 1) % 3;
        await cluster.AppliedAsync(cluster[await cluster.LeaderAsync(token)].State.Index, token);
        await cluster.StopNodeAsync(away);
        for (int i = had; i < had + 45; i++) await cluster.ProposeAsync(Commands.Join(i), token);

        await cluster.StartNodeAsync(away, token);

        await cluster.AppliedAsync(cluster[await cluster.LeaderAsync(token)].State.Index, token);
        await cluster.ProposeAsync(Commands.Join(had + 45), token);
        await cluster.AppliedAsync(cluster[await cluster.LeaderAsync(token)].State.Index, token);
        Assert.Empty(cluster.Broken);
    }

    [Fact]
    public async Task A_restart_from_snapshot_and_log_gives_the_same_state_and_chain()
    {
        var token = Patience;
        await using var cluster = await LoopbackCluster.StartAsync(token, snapshotEvery: 10);
        await cluster.ProposeAsync(Commands.Open(), token);
        for (int i = 0; i < 34; i++) await cluster.ProposeAsync(Commands.Join(i), token);
        var before = cluster[await cluster.LeaderAsync(token)].State;
        await cluster.AppliedAsync(before.Index, token);

        foreach (int node in cluster.Up.ToArray()) await cluster.StopNodeAsync(node);
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(cluster.Options(0).Directory, "snapshots"), "*-*"));
        for (int node = 0; node < 3; node++) await cluster.StartNodeAsync(node, token);

        await cluster.AppliedAsync(before.Index, token);
        Assert.All(cluster.Up, node => Assert.Equal(StateCodec.Encode(before), StateCodec.Encode(cluster[node].State)));
        Assert.Empty(cluster.Broken);
    }
}
