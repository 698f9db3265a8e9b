using Quorate.Aggregation;
using Quorate.Rounds;

namespace Quorate.Unit.Aggregation;

/// <summary>maxShare: no update has more than its share of a weighted mean.</summary>
public sealed class ShareCapTests
{
    [Theory]
    [InlineData(0.4, new long[] { 1000, 10, 10, 10 }, new long[] { 20, 10, 10, 10 })]
    [InlineData(0.5, new long[] { 7, 1 }, new long[] { 1, 1 })]
    [InlineData(0.5, new long[] { 10, 10, 10 }, new long[] { 10, 10, 10 })]
    [InlineData(0.25, new long[] { 100, 90, 10, 5 }, new long[] { 5, 5, 5, 5 })]
    [InlineData(0.34, new long[] { 100, 90, 10 }, new long[] { 10, 10, 10 })]
    [InlineData(1, new long[] { 1, (1L << 29) - 1 }, new long[] { 1, (1L << 29) - 1 })]
    [InlineData(0.1, new long[] { 100, 90 }, new long[] { 1, 1 })] // Nothing meets it: all weigh the same.
    public void Weights_above_the_cap_are_lowered_to_it(double maxShare, long[] examples, long[] weights)
    {
        ShareCap.Apply(examples, maxShare);
        Assert.Equal(weights, examples);
    }

    [Fact]
    public void The_cap_is_the_largest_that_keeps_every_share()
    {
        var random = new SplitMix64(7);
        for (int i = 0; i < 2000; i++)
        {
            long[] examples = [.. Enumerable.Range(0, 2 + random.Below(30)).Select(
                _ => 1 + (long)(random.Next() % (1UL << (1 + random.Below(29)))))];
            examples = [.. examples.Select(n => Math.Min(n, WeightedFile.ExamplesMax))];
            double maxShare = (1.0 + random.Below(100)) / 100;
            if (examples.Length * maxShare < 1) continue;
            long[] weights = [.. examples];
            ShareCap.Apply(weights, maxShare);

            long cap = weights.Max();
            Assert.Equal(examples.Select(n => Math.Min(n, cap)), weights);
            Assert.True(cap <= maxShare * weights.Sum());
            if (cap == examples.Max()) continue;
            Assert.True(cap + 1 > maxShare * examples.Sum(n => Math.Min(n, cap + 1)));
        }
    }

    [Theory]
    [InlineData("mean", 0.75f)] // (2 · 1 + 1 · 0.5 + 1 · 0.5) / 4
    public async Task The_mean_uses_the_capped_weights(string strategy, float expected)
    {
        Assert.Equal(expected, await NextAsync(strategy, maxShare: 0.5, (1, 1000), (0.5f, 1), (0.5f, 1)));
    }

    [Fact]
    public async Task A_cap_that_does_not_bind_changes_no_bit()
    {
        (float, long)[] updates = [(0.1f, 7), (0.7f, 5), (1e-9f, 6)];
        Assert.Equal(await NextAsync("mean", 1, updates), await NextAsync("mean", 0.5, updates));
    }

    [Fact]
    public void A_cap_is_refused_where_updates_have_no_weights()
    {
        var check = AggregationPlan.Create(
            "median", new Dictionary<string, double>(), [], minResults: 3, out var plan, maxShare: 0.5);
        Assert.Null(plan);
        Assert.Equal("maxShare caps the weights of a weighted mean; aggregation.strategy \"median\" gives all updates "
            + "the same weight, so remove maxShare.", check.ToString());
    }

    private static async Task<float> NextAsync(
        string strategy, double maxShare, params (float Value, long Examples)[] updates)
    {
        using var rounds = new Rounds();
        AggregationPlan.Create(strategy, new Dictionary<string, double>(), [], 3, out var plan, maxShare);
        var files = updates.Select(update => new WeightedFile(rounds.Floats(update.Value), update.Examples)).ToList();
        var (model, _, _) = await rounds.NextAsync(plan!, files[0].Path, files);
        return Assert.Single(Rounds.ReadFloats(model));
    }
}
