namespace Quorate.ChaosTests.Durability;

/// <summary>The checker must find what is known to be wrong.</summary>
public sealed class DurabilityCheckerTests
{
    [Fact]
    public void Equal_histories_of_different_lengths_agree() =>
        Assert.Empty(DurabilityChecker.Diverged([["1 a", "2 b"], ["2 b", "3 c"], []]));

    [Fact]
    public void Different_hashes_at_the_same_index_are_found()
    {
        string violation = Assert.Single(DurabilityChecker.Diverged([["1 a", "2 b"], ["1 a", "2 x"]]));
        Assert.Contains("index 2", violation, StringComparison.Ordinal);
    }

    [Fact]
    public void An_acknowledged_command_that_one_node_does_not_hold_is_lost()
    {
        Assert.Empty(DurabilityChecker.Lost(["a"], [["a", "b"], ["a"]]));
        string violation = Assert.Single(DurabilityChecker.Lost(["a", "b"], [["a", "b"], ["b"]]));
        Assert.Contains("node 1", violation, StringComparison.Ordinal);
    }
}
