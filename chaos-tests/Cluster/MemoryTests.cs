using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;
using Xunit.Abstractions;

namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// The bars of the core: with five 46.8 MB updates (the parameters of a ResNet-18) in a round, a coordinator never
/// holds more than 200 MB, and four times as many trainers change little.
/// </summary>
public sealed class MemoryTests(ITestOutputHelper output)
{
    private const double BarMegabytes = 200, GrowthMax = 1.25;

    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task A_coordinators_memory_stays_small_however_many_large_updates_come_in()
    {
        double[] five = await PeaksAsync(new ChaosRun { Trainers = 5, Rounds = 3 });
        double[] twenty = await PeaksAsync(
            new ChaosRun { Trainers = 20, Rounds = Settings.Number("MEMORY_ROUNDS", 1) });
        output.WriteLine($"peak MB of each coordinator with 5 trainers: {Shown(five)}; with 20: {Shown(twenty)}");

        Assert.True(five.Max() < BarMegabytes, $"With 5 trainers the peaks are {Shown(five)} MB.");
        Assert.True(twenty.Max() <= five.Max() * GrowthMax,
            $"With 5 trainers the peaks are {Shown(five)} MB, with 20 {Shown(twenty)} MB.");
    }

    private static async Task<double[]> PeaksAsync(ChaosRun run)
    {
        run = run with { Tensors = 62, Elements = 11_689_512, KeepUpdateRounds = 0 };
        await using var cluster = await ChaosCluster.StartAsync(run, TimeSpan.FromMilliseconds(50));
        var ended = await cluster.WhenFinishedAsync(Bound);
        Assert.All(ended, status => Assert.Equal(run.Trainers, status.Run.Trail[^1].Contributors));
        double[] peaks = [.. Enumerable.Range(0, ChaosCluster.Nodes).Select(node => cluster[node].PeakMegabytes())];
        // Before Program's first line the runtime has started a few threads of its own.
        Assert.All(Enumerable.Range(0, ChaosCluster.Nodes), node => Assert.InRange(cluster[node].NativeHeaps(), 0, 8));
        cluster.Passed();
        return peaks;
    }

    private static string Shown(double[] peaks) => string.Join(", ", peaks.Select(peak => $"{peak:F0}"));
}
