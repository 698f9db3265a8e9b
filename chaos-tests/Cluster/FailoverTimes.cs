using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;
using Quorate.Chaos;
using Xunit.Abstractions;

namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// Measures, and asserts nothing about time: leader killed, until the next update is accepted by its successor.
/// QUORATE_CHAOS_FAILOVERS (3 in CI) is how many. Machine load is printed, for it decides the figures.
/// </summary>
public sealed class FailoverTimes(ITestOutputHelper output)
{
    [Fact]
    public async Task A_killed_leader_is_followed_by_the_next_accepted_update()
    {
        int wanted = Settings.Number("FAILOVERS", 3);
        // Rounds without end and so small that an update is always about to come in.
        var run = new ChaosRun { Rounds = 50_000, Trainers = 5, Elements = 1000, KeepUpdateRounds = 2 };
        await using var cluster = await ChaosCluster.StartAsync(run, TimeSpan.FromMilliseconds(30));
        var draws = new Draws((ulong)Settings.Number("SEED", 1));
        var seconds = new List<double>();
        while (seconds.Count < wanted)
        {
            await cluster.NextSafeAsync(TimeProvider.System.GetTimestamp(), exceptBy: -1);
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(500 + draws.Below(1000)));
            int leader = await cluster.LeaderAsync();
            long killed = TimeProvider.System.GetTimestamp();
            await cluster.KillAsync(leader);
            var next = await cluster.NextSafeAsync(killed, exceptBy: leader);
            seconds.Add(TimeProvider.System.GetElapsedTime(killed, next.At).TotalSeconds);
            cluster.Start(leader);
            await cluster.UntilAsync(
                async token => (await cluster.Connections.StatusAsync(new() { Trail = 1 }, token)) is var replies
                    && replies.All(reply => reply is { Quorum: true })
                    && replies.Max(r => r!.Index) - replies.Min(r => r!.Index) < 100
                    ? replies
                    : null,
                "the killed node back and caught up");
        }
        seconds.Sort();
        output.WriteLine($"leader killed -> next accepted update: p50 {At(0.5):F2} s, p99 {At(0.99):F2} s, "
            + $"max {seconds[^1]:F2} s, n {seconds.Count}; load average {File.ReadAllText("/proc/loadavg").Trim()}");
        Assert.Empty(cluster.Observer.Violations);
        cluster.Passed();

        double At(double share) => seconds[(int)Math.Ceiling(share * seconds.Count) - 1];
    }
}
