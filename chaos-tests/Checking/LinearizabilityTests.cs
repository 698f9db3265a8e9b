namespace Quorate.ChaosTests.Checking;

/// <summary>The checker must reject histories known to be wrong and accept histories known to be right.</summary>
public sealed class LinearizabilityTests
{
    private const string Key = "run/1/anna";

    public static TheoryData<string, Operation[]> Bad => new()
    {
        { "a lost ack: accepted, and then a look sees nothing", [Accepts("a", 0, 10), Sees(null, 20, 30)] },
        { "a lost ack: accepted, and then accepted again", [Accepts("a", 0, 10), Accepts("a", 20, 30)] },
        { "a lost ack: accepted, and then stale", [Accepts("a", 0, 10), Says(Answer.Stale, "a", 20, 30)] },
        { "an ack withdrawn: accepted, and then rejected",
            [Accepts("a", 0, 10), Says(Answer.Rejected, "a", 20, 30)] },
        { "two hashes accepted, one after another", [Accepts("a", 0, 10), Accepts("b", 20, 30)] },
        { "two hashes accepted at once", [Accepts("a", 0, 30), Accepts("b", 5, 25)] },
        { "one hash accepted and another called a duplicate",
            [Accepts("a", 0, 10), Says(Answer.Duplicate, "b", 20, 30)] },
        { "a duplicate of nothing", [Says(Answer.Duplicate, "a", 0, 10)] },
        { "a duplicate before anything was sent", [Says(Answer.Duplicate, "a", 0, 10), Offers("a", 20)] },
        { "a look that misses what an earlier look saw", [Offers("a", 0), Sees("a", 10, 20), Sees(null, 30, 40)] },
        { "a look that sees an update that was never offered", [Accepts("a", 0, 30), Sees("b", 10, 20)] },
        { "a look that sees an update before it is offered", [Sees("a", 0, 10), Accepts("a", 20, 30)] },
        { "accepted after the round was closed", [Says(Answer.Stale, "a", 0, 10), Accepts("a", 20, 30)] },
        { "a closed round that held an update before and is empty now",
            [Accepts("a", 0, 10), Says(Answer.Stale, "b", 20, 30)] },
        { "an unknown offer cannot explain two hashes",
            [Offers("b", 0), Accepts("a", 5, 10), Says(Answer.Duplicate, "b", 20, 30)] },
        { "two concurrent looks that see different things, both after the ack",
            [Accepts("a", 0, 10), Sees("a", 20, 40), Sees(null, 21, 39)] },
        { "an update that appears, disappears and appears again",
            [Offers("a", 0), Sees("a", 5, 10), Sees(null, 11, 15), Sees("a", 16, 20)] },
    };

    public static TheoryData<string, Operation[]> Good => new()
    {
        { "nothing at all", [] },
        { "accepted, then a duplicate, then seen",
            [Accepts("a", 0, 10), Says(Answer.Duplicate, "a", 20, 30), Sees("a", 40, 50)] },
        { "the same update sent twice at once, in any order",
            [Says(Answer.Duplicate, "a", 0, 30), Accepts("a", 10, 20)] },
        { "a look during the offer sees it, another that began earlier does not",
            [Accepts("a", 0, 100), Sees(null, 10, 90), Sees("a", 20, 30)] },
        { "rejected (not joined), then accepted", [Says(Answer.Rejected, "a", 0, 10), Accepts("a", 20, 30)] },
        { "another update is rejected",
            [Accepts("a", 0, 10), Says(Answer.Rejected, "b", 20, 30), Sees("a", 40, 50)] },
        { "stale, and then nothing is seen", [Says(Answer.Stale, "a", 0, 10), Sees(null, 20, 30)] },
        { "no answer, but it counted", [Offers("a", 0), Says(Answer.Duplicate, "a", 20, 30), Sees("a", 40, 50)] },
        { "no answer, and it never counted", [Offers("a", 0), Sees(null, 20, 30), Says(Answer.Stale, "a", 40, 50)] },
        { "no answer, not seen at first, and seen later", [Offers("a", 0), Sees(null, 20, 30), Sees("a", 40, 50)] },
        { "no answer for a, and b is accepted instead",
            [Offers("a", 0), Accepts("b", 20, 30), Says(Answer.Rejected, "a", 40, 50)] },
        { "a look without an answer has no effect", [Accepts("a", 0, 10), Sees(null, 20, 30, Answer.Unknown)] },
        { "called at the moment of the other's return: they overlap",
            [Accepts("a", 10, 20), Sees("a", 0, 10)] },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void A_history_that_no_order_explains_is_rejected(string what, Operation[] history)
    {
        var violations = Linearizability.Violations(history);
        Assert.True(violations.Count == 1, what);
        Assert.Contains(Key, violations[0], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Good))]
    public void A_history_that_some_order_explains_is_accepted(string what, Operation[] history) =>
        Assert.True(Linearizability.Violations(history).Count == 0, what);

    [Fact]
    public void One_wrong_key_is_found_among_many_right_ones()
    {
        var history = Busy(keys: 50, each: 20);
        Assert.Empty(Linearizability.Violations(history));
        string violation = Assert.Single(Linearizability.Violations(
            [.. history, Sees(null, 1_000_000, 1_000_001) with { Key = "run/1/t30" }]));
        Assert.Contains("run/1/t30", violation, StringComparison.Ordinal);
    }

    /// <summary>Without its cache, the search would not end.</summary>
    [Fact]
    public void Ten_thousand_operations_are_checked()
    {
        Assert.Empty(Linearizability.Violations(Busy(keys: 500, each: 20)));
        Assert.Empty(Linearizability.Violations(Busy(keys: 1, each: 1000)));
    }

    [Fact]
    public void An_invalid_operation_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Linearizability.Violations([Accepts("a", 10, 5)]));
        Assert.Throws<ArgumentException>(() => Linearizability.Violations([Sees("a", 0, 5, Answer.Accepted)]));
        Assert.Throws<ArgumentException>(() => Linearizability.Violations([Says(Answer.Seen, "a", 0, 5)]));
    }

    /// <summary>
    /// A right history of overlapping operations: a single register answers at a drawn moment within each interval.
    /// </summary>
    private static List<Operation> Busy(int keys, int each)
    {
        var draws = new Draws(5);
        var history = new List<Operation>();
        for (int key = 0; key < keys; key++)
        {
            string? held = null;
            for (int i = 0; i < each; i++)
            {
                long moment = i * 10, call = moment - draws.Below(40), end = moment + draws.Below(40);
                string hash = "abc"[draws.Below(3)].ToString();
                bool looks = draws.Below(2) == 0, silent = draws.Below(5) == 0;
                var answer = looks ? Answer.Seen
                    : held is null ? Answer.Accepted
                    : held == hash ? Answer.Duplicate : Answer.Rejected;
                if (!looks) held ??= hash;
                history.Add(new Operation(
                    $"run/1/t{key}", $"c{i}", call, end, looks ? OperationKind.Look : OperationKind.Offer,
                    looks ? held : hash, silent ? Answer.Unknown : answer));
            }
        }
        return history;
    }

    private static Operation Accepts(string hash, long call, long end) => Says(Answer.Accepted, hash, call, end);

    private static Operation Offers(string hash, long call) => Says(Answer.Unknown, hash, call, 0);

    private static Operation Says(Answer answer, string hash, long call, long end) =>
        new(Key, "c", call, end, OperationKind.Offer, hash, answer);

    private static Operation Sees(string? hash, long call, long end, Answer answer = Answer.Seen) =>
        new(Key, "c", call, end, OperationKind.Look, hash, answer);
}
