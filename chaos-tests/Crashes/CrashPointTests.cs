using System.Globalization;

namespace Quorate.ChaosTests.Crashes;

/// <summary>
/// Every named crash point that needs no real trainer (<see cref="RealTrainerTests"/> has the others), on a leader and,
/// where it applies, on a follower: the process dies at it and is started again, the run ends, nothing acknowledged is
/// lost, and the final model is that of an undisturbed run. QUORATE_CHAOS_CRASH_HITS (1 in CI) sets how often a process
/// dies at each point.
/// </summary>
public sealed class CrashPointTests(ITestOutputHelper output)
{
    private static readonly string[] _leaders =
    [
        "part-sent", "part-received", "blob-received", "blob-flushed", "blob-renamed", "blob-durable",
        "blob-replicated", "pull-done", "before-propose", "before-apply", "after-apply", "after-propose",
        "before-close-round", "round-closed", "average-built", "model-replicated", "model-published",
        "score-recorded", "snapshot-written", "snapshot-renamed",
    ];

    private static readonly string[] _followers =
    [
        "part-received", "blob-received", "blob-flushed", "blob-renamed", "blob-durable", "pull-done",
        "append-unflushed", "append-flushed", "before-apply", "after-apply", "snapshot-written", "snapshot-renamed",
    ];

    /// <summary>Points that a leader reaches only once in a few rounds, if at all.</summary>
    private static readonly string[] _rare = ["pull", "snapshot"];

    [Fact]
    public async Task A_coordinator_may_die_at_any_point_as_leader_or_follower()
    {
        int hits = Settings.Number("CRASH_HITS", 1);
        ulong seed = (ulong)Settings.Number("SEED", 1);
        var draws = new Draws(Draws.Mix(seed, 3));
        var points = Enumerable.Range(0, hits).SelectMany(_ => Shuffled(
            [.. _leaders.Select(point => $"{point}@leader"), .. _followers.Select(point => $"{point}@follower")],
            draws))
            .Select(point => _rare.Any(point.StartsWith) ? point : Hit(point, draws)).ToList();
        // When a run ends before all points were reached, the rest continues in a new cluster.
        var run = new ChaosRun
        {
            Rounds = 40, Seed = seed, Grace = TimeSpan.FromMilliseconds(20), AsksForScores = true,
        };
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        int due = points.Count, clusters = 0;
        for (; points.Count > 0; clusters++)
        {
            Assert.True(clusters < due, $"These points are never reached: {string.Join(", ", points)}.");
            await using var cluster = await ChaosCluster.StartAsync(
                run, TimeSpan.FromMilliseconds(60), "--snapshot-every", "10");
            // A trainer that is present and never finishes: the driver must close rounds without it.
            cluster.Attend("mute", TimeSpan.FromHours(1));
            var storm = new CrashStorm(cluster, points, draws);

            await storm.RunAsync();

            var outcome = await Outcome.OfAsync(cluster, undisturbed);
            output.WriteLine($"seed {seed}: {storm.Struck} crash points, {storm.Kills} other kills, {points.Count} of "
                + $"{due} left: {outcome.Summary}");
            Assert.True(outcome.Holds, $"{outcome}");
            cluster.Passed();
        }
    }

    /// <summary>The first, second or third passage of the point.</summary>
    private static string Hit(string point, Draws draws) =>
        string.Create(CultureInfo.InvariantCulture, $"{point}:{1 + draws.Below(3)}");

    private static string[] Shuffled(string[] points, Draws draws)
    {
        for (int i = points.Length - 1; i > 0; i--)
        {
            int other = draws.Below(i + 1);
            (points[i], points[other]) = (points[other], points[i]);
        }
        return points;
    }
}
