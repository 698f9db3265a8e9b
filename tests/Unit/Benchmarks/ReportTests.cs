using Quorate.Benchmarks;
using Quorate.Unit.Pt;

namespace Quorate.Unit.Benchmarks;

/// <summary>The arithmetic between measurements and reports.</summary>
public sealed class ReportTests
{
    [Fact]
    public void A_quantile_is_the_sample_at_the_nearest_rank()
    {
        var times = new Quantiles([4, 1, 3, 2]);
        Assert.Equal([1, 1, 2, 3, 4, 4], new[] { 0.01, 0.25, 0.5, 0.75, 0.76, 1 }.Select(times.At));
        Assert.Equal((1, 2, 4, 4), (times.Min, times.Median, times.Max, times.Count));
        Assert.Equal(99, new Quantiles(Enumerable.Range(1, 100).Select(i => (double)i)).At(0.99));
    }

    [Fact]
    public void Quantiles_of_nothing_are_refused() => Assert.Throws<ArgumentException>(() => new Quantiles([]));

    [Fact]
    public void Announcement_latencies_start_at_the_first_trainer_that_received_the_round()
    {
        using var folder = new TestFolder();
        File.WriteAllLines(folder.File("a"), ["received 1 100", "received 2 5000", "broken", "received 3 9000"]);
        File.WriteAllLines(folder.File("b"), ["lost", "received 2 4000", "received 2 4500", "received 3 9007"]);
        var announcements = Announcements.Read([folder.File("a"), folder.File("b")]);
        // 1,000 ticks a second: a tick is a millisecond.
        Assert.Equal([0.0, 0, 7, 500, 1000], announcements.LatenciesMs(2, 3, 1000).Order());
        Assert.Equal((1, 1), (announcements.StreamsBroken, announcements.MembershipsLost));
    }

    [Theory]
    [InlineData("1234  1795381200.250000 fsync(77) = 0", 1795381200.25)]
    [InlineData("1234 1795381200.5 msync(0x7f0000000000, 4096, MS_SYNC <unfinished ...>", 1795381200.5)]
    [InlineData("1234 1795381200.6 <... msync resumed>) = 0", null)]
    [InlineData("1234 1795381200.7 +++ exited with 0 +++", null)]
    public void A_flush_counts_once_when_it_starts(string line, double? at) =>
        Assert.Equal(at, FlushCount.StartOf(line));

    [Fact]
    public void A_large_run_knows_the_most_disk_space_it_needs()
    {
        var plan = new RoundPlan(Payload.Parse("100MB"), 5, 1, 1, 5, "majority", FlushRounds: 0);
        // Two rounds of five updates in three places, nine models on the nodes, and one at each trainer.
        Assert.Equal(44 * 100_000_000L, LargeCommand.BytesNeeded(plan));
    }
}
