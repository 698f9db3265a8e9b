namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// An upgrade as an operator does it: one coordinator after another is stopped with SIGTERM and started again, while
/// trainers train. QUORATE_CHAOS_ROLLING (3 in CI) sets the number of restarts.
/// </summary>
public sealed class RollingRestarts(ITestOutputHelper output)
{
    [Fact]
    public async Task Coordinators_are_restarted_one_after_another_and_no_round_fails()
    {
        int wanted = Settings.Number("ROLLING", 3), leaders = 0;
        await using var cluster = await Flow.StartAsync();
        var gaps = new List<double>();
        while (gaps.Count < wanted)
        {
            await cluster.NextSafeAsync(Flow.Now);
            int node = gaps.Count % ChaosCluster.Nodes;
            if (await cluster.LeaderAsync() == node) leaders++;
            long from = Flow.Now;
            Assert.Equal(0, await cluster[node].TerminateAsync());
            cluster.Start(node);
            await cluster.WhenCaughtUpAsync();
            await cluster.NextSafeAsync(Flow.Now);
            gaps.Add(cluster.LongestGap(from, Flow.Now));
        }
        output.WriteLine($"{wanted} restarts, {leaders} of them the leader's; longest time without an accepted update "
            + $"in each: {Flow.Figures(gaps)}");
        await cluster.AssertUnharmedAsync();
        cluster.Passed();
    }
}
