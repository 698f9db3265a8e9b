namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// Checks that nothing grows without bound over a long time with mixed load and mild faults: a node pauses for a
/// second, a trainer is killed and started again. QUORATE_CHAOS_SOAK_SECONDS (10 in CI, where only the faults matter;
/// 3600 for an hour). No coordinator is restarted, so its memory can be compared over time.
/// </summary>
public sealed class SoakTests(ITestOutputHelper output)
{
    /// <summary>The most that memory may grow after the warm-up of a long run, in MB in ten minutes.</summary>
    private const double SlopeMax = 1;

    private static readonly TimeSpan _length = TimeSpan.FromSeconds(Settings.Number("SOAK_SECONDS", 10));
    private static readonly TimeSpan _warmUp = _length / 3;
    private readonly Draws _draws = new((ulong)Settings.Number("SEED", 1));

    [Fact]
    public async Task Memory_log_and_blobs_stay_within_their_bounds()
    {
        await using var cluster = await Flow.StartAsync("--snapshot-every", "500", "--collect-after-seconds", "5");
        var samples = new List<Sample>();
        long started = Flow.Now;
        while (Flow.SecondsSince(started) < _length.TotalSeconds)
        {
            await FaultAsync(cluster);
            await ChaosCluster.PauseAsync(TimeSpan.FromSeconds(2 + _draws.Below(4)));
            await cluster.NextSafeAsync(Flow.Now);
            double at = Flow.SecondsSince(started);
            if (at > _warmUp.TotalSeconds)
                samples.AddRange(Enumerable.Range(0, ChaosCluster.Nodes).Select(node => Look(cluster, node, at)));
        }
        await cluster.WhenCaughtUpAsync();
        foreach (var node in samples.GroupBy(sample => sample.Node))
            output.WriteLine($"node {node.Key}: {node.Last().Megabytes:F0} MB, "
                + $"{Slope(node, s => s.Megabytes):F2} MB in 10 min; log {node.Last().Log / 1e6:F1} MB, "
                + $"{Slope(node, s => s.Log / 1e6):F2} MB in 10 min; blobs {node.Last().Blobs / 1e6:F1} MB, "
                + $"{Slope(node, s => s.Blobs / 1e6):F2} MB in 10 min; memory by twelfths {Course(node)} MB");
        output.WriteLine($"{_length.TotalSeconds} s, {cluster.Trainers.Sum(t => t.Record.Safe.Count)} updates; "
            + $"load average {Flow.Load}");
        Assert.Empty(cluster.Observer.Violations);
        if (_length >= TimeSpan.FromMinutes(30))
            Assert.All(samples.GroupBy(s => s.Node), node => Assert.True(Slope(node, s => s.Megabytes) < SlopeMax));
        // Blobs of two kept rounds and those not yet collected; the log up to its next snapshot, in chunks.
        Assert.All(samples, sample => Assert.True(sample is { Blobs: < 20_000_000, Log: < 40_000_000 }, $"{sample}"));
        cluster.Passed();
    }

    private async Task FaultAsync(ChaosCluster cluster)
    {
        int victim = _draws.Below(ChaosCluster.Nodes + 1);
        if (victim == ChaosCluster.Nodes)
        {
            var trainer = cluster.Trainers[_draws.Below(cluster.Trainers.Count)];
            await trainer.KillAsync();
            trainer.Start();
            return;
        }
        await cluster[victim].StopAsync();
        await ChaosCluster.PauseAsync(TimeSpan.FromSeconds(1));
        await cluster[victim].ContinueAsync();
    }

    private static Sample Look(ChaosCluster cluster, int node, double at)
    {
        string root = cluster.DirectoryOf(node);
        return new Sample(node, at, cluster[node].Megabytes(),
            Bytes(Path.Combine(root, "wal")) + Bytes(Path.Combine(root, "snapshots")),
            Bytes(Path.Combine(root, "blobs")));
    }

    /// <summary>Files may disappear while they are counted.</summary>
    private static long Bytes(string folder) => new DirectoryInfo(folder)
        .EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Exists ? file.Length : 0);

    /// <summary>The slope of the least-squares line through the samples, per ten minutes.</summary>
    private static double Slope(IEnumerable<Sample> samples, Func<Sample, double> value)
    {
        var all = samples.ToList();
        double meanAt = all.Average(s => s.At), mean = all.Average(value);
        double spread = all.Sum(s => (s.At - meanAt) * (s.At - meanAt));
        return spread > 0 ? all.Sum(s => (s.At - meanAt) * (value(s) - mean)) / spread * 600 : 0;
    }

    /// <summary>The medians of twelve parts of the time, in MB: they show whether memory climbs, steps or swings.
    /// </summary>
    private static string Course(IEnumerable<Sample> samples) => string.Join(' ', samples
        .GroupBy(sample => (int)(12 * sample.At / _length.TotalSeconds))
        .Select(part => part.Select(sample => sample.Megabytes).Order().ElementAt(part.Count() / 2))
        .Select(megabytes => $"{megabytes:F0}"));

    /// <param name="At">Seconds since the start.</param>
    /// <param name="Megabytes">Resident memory.</param>
    /// <param name="Log">Bytes of log and snapshots.</param>
    /// <param name="Blobs">Bytes of blobs.</param>
    private sealed record Sample(int Node, double At, double Megabytes, long Log, long Blobs);
}
