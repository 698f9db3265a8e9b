using System.Globalization;
using Quorate.Rounds;

namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// A cluster with a steady flow of updates, so that any interruption shows as a gap: five trainers, short training,
/// small models.
/// </summary>
internal static class Flow
{
    public static ChaosRun Run { get; } = new()
    {
        Rounds = Limits.Rounds, Trainers = 5, Elements = 1000, KeepUpdateRounds = 2, KeepModels = 2,
    };

    public static Task<ChaosCluster> StartAsync(params string[] flags) =>
        ChaosCluster.StartAsync(Run, TimeSpan.FromMilliseconds(30), flags);

    public static long Now => TimeProvider.System.GetTimestamp();

    public static double SecondsSince(long timestamp) => TimeProvider.System.GetElapsedTime(timestamp).TotalSeconds;

    /// <summary>The longest time without an accepted update between two moments, in seconds.</summary>
    public static double LongestGap(this ChaosCluster cluster, long from, long to)
    {
        var between = Answers(cluster).Select(answer => answer.At).Where(at => at > from && at < to);
        long[] moments = [from, .. between.Order(), to];
        return moments.Zip(moments.Skip(1), (before, after) =>
            TimeProvider.System.GetElapsedTime(before, after).TotalSeconds).Max();
    }

    /// <summary>The newest term that any node knows.</summary>
    public static async Task<long> TermAsync(this ChaosCluster cluster) =>
        (await cluster.StatusAsync(CancellationToken.None)).Max(reply => reply?.Term ?? 0);

    /// <summary>
    /// Every published round has the updates of all trainers, and no trainer was refused.
    /// </summary>
    public static async Task AssertUnharmedAsync(this ChaosCluster cluster)
    {
        var run = await cluster.WhenAsync(_ => true, "the run");
        Assert.All(run.Trail.Where(model => model.Round > 0),
            model => Assert.Equal(cluster.Trainers.Count, model.Contributors));
        Assert.All(cluster.Trainers, trainer => Assert.Empty(trainer.Record.Odd));
        Assert.Empty(cluster.Observer.Violations);
    }

    /// <summary>The p50, p99 and maximum of some durations, with their count and the machine's load.</summary>
    public static string Figures(List<double> seconds)
    {
        seconds.Sort();
        return $"p50 {At(0.5):F2} s, p99 {At(0.99):F2} s, max {seconds[^1]:F2} s, n {seconds.Count}; "
            + $"load average {Load}";

        double At(double share) => seconds[(int)Math.Ceiling(share * seconds.Count) - 1];
    }

    /// <summary>
    /// Whether the machine runs fewer than two tasks a core. When other programs starve the coordinators, an election
    /// is not their fault.
    /// </summary>
    public static bool IsQuiet => double.Parse(Load.Split(' ')[0], CultureInfo.InvariantCulture)
        < 2 * Environment.ProcessorCount;

    public static string Load => File.ReadAllText("/proc/loadavg").Trim();

    private static IEnumerable<SafeAnswer> Answers(ChaosCluster cluster) =>
        cluster.Trainers.SelectMany(trainer => trainer.Record.Safe);
}
