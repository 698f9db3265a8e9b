using System.Globalization;

namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// With five 46.8 MB updates (the parameters of a ResNet-18) in a round, a coordinator never uses more than 200 MB, and
/// four times as many trainers add at most a quarter.
/// </summary>
public sealed class MemoryTests(ITestOutputHelper output)
{
    private const double BarMegabytes = 200, GrowthMax = 1.25;

    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(10);

    [Fact]
    public async Task A_coordinators_memory_does_not_grow_with_the_number_of_large_updates()
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
        var ended = await cluster.WhenFinishedAsync(_bound);
        Assert.All(ended, status => Assert.Equal(run.Trainers, status.Run.Trail[^1].Contributors));
        double[] peaks = [.. Enumerable.Range(0, ChaosCluster.Nodes).Select(node => cluster[node].PeakMegabytes())];
        // The runtime starts a few threads before the first line of Program.
        Assert.All(Enumerable.Range(0, ChaosCluster.Nodes), node => Assert.InRange(
            NativeHeaps(cluster[node].ProcessId), 0, 8));
        cluster.Passed();
        return peaks;
    }

    /// <summary>
    /// Heaps that glibc gave to single threads, besides the shared one. Each is 64 MiB of addresses at a multiple of
    /// 64 MiB: a first part that is in use and a rest without access rights.
    /// </summary>
    private static int NativeHeaps(int process)
    {
        const ulong heap = 64 << 20;
        var maps = File.ReadLines($"/proc/{process}/maps").Select(line => line.Split(' ')).Select(fields =>
        {
            string[] range = fields[0].Split('-');
            return (From: ulong.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                To: ulong.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture), Rights: fields[1]);
        }).ToList();
        return maps.Zip(maps.Skip(1)).Count(pair => pair is { First.Rights: "rw-p", Second.Rights: "---p" }
            && pair.First.From % heap == 0 && pair.First.To == pair.Second.From
            && pair.Second.To == pair.First.From + heap);
    }

    private static string Shown(double[] peaks) => string.Join(", ", peaks.Select(peak => $"{peak:F0}"));
}
