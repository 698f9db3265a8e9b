using Quorate.Chaos.Checking;
using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;

namespace Quorate.ChaosTests.Cluster;

/// <summary>A checker is trusted because it rejects what is known to be wrong.</summary>
public sealed class HistoryCheckerTests
{
    private static readonly History Good = new(0, [new(0, "m0", 0, []), new(1, "m1", 2, [("a", "ua"), ("b", "ub")])]);

    [Fact]
    public void A_good_history_has_no_violation()
    {
        SafeUpdate[] safe = [new(1, "a", "ua"), new(1, "b", "ub")];
        Assert.Empty(HistoryChecker.Lost(safe, [Good, Good with { Node = 1 }]));
        Assert.Empty(HistoryChecker.CountedTwice([Good]));
        Assert.Empty(HistoryChecker.Differing([Good, Good]));
        Assert.Empty(HistoryChecker.Unfinished([Good, Good], rounds: 1));
    }

    [Fact]
    public void A_run_that_ended_before_its_last_round_is_seen() =>
        Assert.Equal(2, HistoryChecker.Unfinished([Good, Good with { Node = 1 }], rounds: 2).Count);

    [Fact]
    public void A_safe_update_that_one_node_lacks_or_has_with_other_bytes_is_lost()
    {
        var lacking = new History(1, [new(0, "m0", 0, []), new(1, "m1", 1, [("b", "ub")])]);
        string violation = Assert.Single(HistoryChecker.Lost([new(1, "a", "ua")], [Good, lacking]));
        Assert.Contains("node 1 has none", violation, StringComparison.Ordinal);
        Assert.Single(HistoryChecker.Lost([new(1, "a", "other")], [Good]));
        Assert.Single(HistoryChecker.Lost([new(2, "a", "ua")], [Good]));
    }

    [Fact]
    public void A_trainer_that_counts_twice_in_a_round_is_seen()
    {
        Assert.Single(HistoryChecker.CountedTwice([new(0, [new(1, "m1", 2, [("a", "ua"), ("a", "ub")])])]));
        Assert.Single(HistoryChecker.CountedTwice([new(0, [new(1, "m1", 3, [("a", "ua"), ("b", "ub")])])]));
    }

    [Fact]
    public void Another_model_or_a_missing_round_on_one_node_is_seen()
    {
        var other = Good.Rounds[1] with { Model = "x" };
        Assert.NotEmpty(HistoryChecker.Differing([Good, new(1, [Good.Rounds[0], other])]));
        Assert.NotEmpty(HistoryChecker.Differing([Good, new(1, [Good.Rounds[0]])]));
        Assert.NotEmpty(HistoryChecker.Differing([new(0, [Good.Rounds[1]])]));
    }

    [Fact]
    public void A_round_trained_twice_is_seen()
    {
        var record = new TrainerRecord("a");
        record.Trained(1, "ua");
        Assert.Empty(HistoryChecker.Retrained([record]));
        record.Trained(1, "ua");
        Assert.Single(HistoryChecker.Retrained([record]));
    }

    [Theory]
    [InlineData(4, 1, 0)]
    [InlineData(5, 0, 0)]
    [InlineData(5, 1, -1)]
    public void An_answer_behind_an_earlier_one_is_seen(long index, int round, int model)
    {
        var readings = new Monotonic();
        Assert.Null(readings.Next("node 0", new(5, 1, 0)));
        Assert.Null(readings.Next("node 1", new(5, 1, 0)));
        Assert.NotNull(readings.Next("node 2", new(index, round, model)));
    }
}
