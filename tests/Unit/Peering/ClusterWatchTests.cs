using Quorate.Coordinator.Peering;

namespace Quorate.Unit.Peering;

public sealed class ClusterWatchTests
{
    private static readonly TimeSpan _election = TimeSpan.FromMilliseconds(300);

    /// <summary>With 200 ms each way there was never a leader, and nothing named the cause.</summary>
    [Fact]
    public void Round_trips_that_are_too_long_for_the_election_timeout_are_named_with_a_better_one()
    {
        Assert.True(ClusterWatch.IsTooSlow([(1, Ms(2)), (2, Ms(400))], _election, out string? sentence));
        Assert.Equal(
            "Round trips to node 2 take 400 ms; --election-ms is 300. Elections fail or repeat until it is at least "
            + "1200 on every node.", sentence);
    }

    [Fact]
    public void Short_round_trips_and_unknown_ones_are_no_problem() =>
        Assert.False(ClusterWatch.IsTooSlow([(1, Ms(50)), (2, TimeSpan.Zero)], _election, out _));

    private static TimeSpan Ms(int ms) => TimeSpan.FromMilliseconds(ms);
}
