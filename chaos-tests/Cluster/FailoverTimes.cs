namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// Measures the time from the kill or the stop of a leader to the next update accepted by its successor, and the effect
/// of a stopped follower. It asserts nothing about time. QUORATE_CHAOS_FAILOVERS (3 in CI) and QUORATE_CHAOS_HUNG (1 in
/// CI) set the counts. The machine's load is printed, because the figures depend on it.
/// </summary>
public sealed class FailoverTimes(ITestOutputHelper output)
{
    private static readonly int _hung = Settings.Number("HUNG", 1);
    private readonly Draws _draws = new((ulong)Settings.Number("SEED", 1));

    [Fact]
    public async Task After_a_leader_is_killed_its_successor_accepts_updates()
    {
        int wanted = Settings.Number("FAILOVERS", 3);
        await using var cluster = await Flow.StartAsync();
        var seconds = new List<double>();
        while (seconds.Count < wanted)
        {
            int leader = await LeaderInFlowAsync(cluster);
            long killed = Flow.Now;
            await cluster.KillAsync(leader);
            var next = await cluster.NextSafeAsync(killed, exceptBy: leader);
            seconds.Add(TimeProvider.System.GetElapsedTime(killed, next.At).TotalSeconds);
            cluster.Start(leader);
            await cluster.WhenCaughtUpAsync();
        }
        output.WriteLine($"leader killed -> next accepted update: {Flow.Figures(seconds)}");
        await cluster.AssertUnharmedAsync();
        cluster.Passed();
    }

    [Fact]
    public async Task After_a_leader_hangs_its_successor_accepts_updates()
    {
        await using var cluster = await Flow.StartAsync();
        var seconds = new List<double>();
        while (seconds.Count < _hung)
        {
            int leader = await LeaderInFlowAsync(cluster);
            long stopped = Flow.Now;
            await cluster[leader].StopAsync();
            var next = await cluster.NextSafeAsync(stopped, exceptBy: leader);
            seconds.Add(TimeProvider.System.GetElapsedTime(stopped, next.At).TotalSeconds);
            await cluster[leader].ContinueAsync();
            await cluster.WhenCaughtUpAsync();
        }
        output.WriteLine($"leader stopped -> next accepted update: {Flow.Figures(seconds)}");
        await cluster.AssertUnharmedAsync();
        cluster.Passed();
    }

    [Fact]
    public async Task A_follower_that_hangs_causes_no_election()
    {
        bool quiet = Flow.IsQuiet;
        await using var cluster = await Flow.StartAsync();
        var gaps = new List<double>();
        while (gaps.Count < _hung)
        {
            int leader = await LeaderInFlowAsync(cluster);
            long term = await cluster.TermAsync(), stopped = Flow.Now;
            int follower = (leader + 1 + _draws.Below(2)) % ChaosCluster.Nodes;
            await cluster[follower].StopAsync();
            await ChaosCluster.PauseAsync(TimeSpan.FromSeconds(3));
            gaps.Add(cluster.LongestGap(stopped, Flow.Now));
            await cluster[follower].ContinueAsync();
            await cluster.WhenCaughtUpAsync();
            if (quiet) Assert.Equal((leader, term), (await cluster.LeaderAsync(), await cluster.TermAsync()));
        }
        output.WriteLine($"longest time without an accepted update with a stopped follower: {Flow.Figures(gaps)}");
        await cluster.AssertUnharmedAsync();
        cluster.Passed();
    }

    /// <summary>The leader, at a moment drawn from the seed while updates come in.</summary>
    private async Task<int> LeaderInFlowAsync(ChaosCluster cluster)
    {
        await cluster.NextSafeAsync(Flow.Now);
        await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(500 + _draws.Below(1000)));
        return await cluster.LeaderAsync();
    }
}
