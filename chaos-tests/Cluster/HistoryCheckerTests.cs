namespace Quorate.ChaosTests.Cluster;

/// <summary>The checker must find what is known to be wrong.</summary>
public sealed class HistoryCheckerTests
{
    private static readonly History _good = new(0, [new(0, "m0", 0, []), new(1, "m1", 2, [("a", "ua"), ("b", "ub")])]);

    [Fact]
    public void A_good_history_has_no_violation()
    {
        SafeUpdate[] safe = [new(1, "a", "ua"), new(1, "b", "ub")];
        Assert.Empty(HistoryChecker.Lost(safe, [_good, _good with { Node = 1 }]));
        Assert.Empty(HistoryChecker.CountedTwice([_good]));
        Assert.Empty(HistoryChecker.Differing([_good, _good]));
        Assert.Empty(HistoryChecker.Unfinished([_good, _good], rounds: 1));
    }

    [Fact]
    public void A_run_that_ended_before_its_last_round_is_found() =>
        Assert.Equal(2, HistoryChecker.Unfinished([_good, _good with { Node = 1 }], rounds: 2).Count);

    [Fact]
    public void A_safe_update_that_one_node_lacks_or_has_with_other_bytes_is_lost()
    {
        var lacking = new History(1, [new(0, "m0", 0, []), new(1, "m1", 1, [("b", "ub")])]);
        string violation = Assert.Single(HistoryChecker.Lost([new(1, "a", "ua")], [_good, lacking]));
        Assert.Contains("node 1 has none", violation, StringComparison.Ordinal);
        Assert.Single(HistoryChecker.Lost([new(1, "a", "other")], [_good]));
        Assert.Single(HistoryChecker.Lost([new(2, "a", "ua")], [_good]));
    }

    [Fact]
    public void A_trainer_that_counts_twice_in_a_round_is_found()
    {
        Assert.Single(HistoryChecker.CountedTwice([new(0, [new(1, "m1", 2, [("a", "ua"), ("a", "ub")])])]));
        Assert.Single(HistoryChecker.CountedTwice([new(0, [new(1, "m1", 3, [("a", "ua"), ("b", "ub")])])]));
    }

    [Fact]
    public void A_different_model_or_a_missing_round_on_one_node_is_found()
    {
        var other = _good.Rounds[1] with { Model = "x" };
        Assert.NotEmpty(HistoryChecker.Differing([_good, new(1, [_good.Rounds[0], other])]));
        Assert.NotEmpty(HistoryChecker.Differing([_good, new(1, [_good.Rounds[0]])]));
        Assert.NotEmpty(HistoryChecker.Differing([new(0, [_good.Rounds[1]])]));
    }

    [Fact]
    public void A_round_trained_twice_is_found()
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
    public void An_answer_behind_an_earlier_one_is_found(long index, int round, int model)
    {
        var readings = new Monotonic();
        Assert.False(readings.GoesBack("node 0", new(5, 1, 0), out _));
        Assert.False(readings.GoesBack("node 1", new(5, 1, 0), out _));
        Assert.True(readings.GoesBack("node 2", new(index, round, model), out string violation));
        Assert.StartsWith("The answers of node 2 went back", violation, StringComparison.Ordinal);
    }
}
