using System.Globalization;
using Quorate.Chaos;
using Quorate.Chaos.Checking;
using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;
using Xunit.Abstractions;

namespace Quorate.ChaosTests.Crashes;

/// <summary>
/// Every named crash point that needs no real trainer (<see cref="RealTrainerTests"/> has those), on a leader and,
/// where one comes there, on a follower: the process dies at it and is started again, the run ends, nothing
/// acknowledged is lost, and the final model is that of an undisturbed run.
/// QUORATE_CHAOS_CRASH_HITS (1 in CI) is how often each is struck.
/// </summary>
public sealed class CrashPointTests(ITestOutputHelper output)
{
    private static readonly string[] Leaders =
    [
        "part-sent", "part-received", "blob-received", "blob-flushed", "blob-renamed", "blob-durable",
        "blob-replicated", "pull-done", "before-propose", "before-apply", "after-apply", "after-propose",
        "before-close-round", "round-closed", "average-built", "model-replicated", "model-published",
        "score-recorded", "snapshot-written", "snapshot-renamed",
    ];

    private static readonly string[] Followers =
    [
        "part-received", "blob-received", "blob-flushed", "blob-renamed", "blob-durable", "pull-done",
        "append-unflushed", "append-flushed", "before-apply", "after-apply", "snapshot-written", "snapshot-renamed",
    ];

    /// <summary>A leader comes by here once in a few rounds, if ever.</summary>
    private static readonly string[] Seldom = ["pull", "snapshot"];

    [Fact]
    public async Task A_coordinator_may_die_at_any_point_as_leader_or_follower()
    {
        int hits = Settings.Number("CRASH_HITS", 1);
        ulong seed = (ulong)Settings.Number("SEED", 1);
        var draws = new Draws(Draws.Mix(seed, 3));
        var points = Enumerable.Range(0, hits).SelectMany(_ => Shuffled(
            [.. Leaders.Select(point => $"{point}@leader"), .. Followers.Select(point => $"{point}@follower")], draws))
            .Select(point => Seldom.Any(point.StartsWith) ? point : Hit(point, draws)).ToList();
        // The storm goes on in a new cluster when a run ends below it.
        var run = new ChaosRun
        {
            Rounds = 40, Seed = seed, Grace = TimeSpan.FromMilliseconds(20), AsksForScores = true,
        };
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        int due = points.Count, clusters = 0;
        for (; points.Count > 0; clusters++)
        {
            Assert.True(clusters < due, $"These are never reached: {string.Join(", ", points)}.");
            await using var cluster = await ChaosCluster.StartAsync(
                run, TimeSpan.FromMilliseconds(60), "--snapshot-every", "10");
            // It is present and never done: so the round has enough, and the driver must close it.
            cluster.Attend("mute", TimeSpan.FromHours(1));
            var storm = new CrashStorm(cluster, points, draws);

            await storm.RageAsync();

            var outcome = await Outcome.OfAsync(cluster, undisturbed);
            output.WriteLine($"seed {seed}: {storm.Struck} crash points, {storm.Kills} other kills, {points.Count} of "
                + $"{due} left: {outcome.Summary}");
            Assert.True(outcome.Holds, $"{outcome}");
            cluster.Passed();
        }
    }

    /// <summary>The first to the third passage.</summary>
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
