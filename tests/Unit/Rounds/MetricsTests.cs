using Quorate.Rounds;

namespace Quorate.Unit.Rounds;

public sealed class MetricsTests
{
    [Fact]
    public void Metrics_are_sorted_by_name_and_equal_by_content()
    {
        var metrics = Metrics.Of(("loss", 0.5), ("accuracy", double.NaN), ("a.b-c_1", -0.0));
        Assert.Equal(["a.b-c_1", "accuracy", "loss"], metrics.Select(metric => metric.Key));
        Assert.Equal(metrics, Metrics.Of(("a.b-c_1", 0), ("accuracy", -double.NaN), ("loss", 0.5)));
        Assert.NotEqual(metrics, Metrics.Of(("loss", 0.5)));
        Assert.Equal((0.5, double.NaN), (metrics["loss"], metrics["absent"]));
    }

    [Theory]
    [InlineData("", 1.0, "'' is not a metric name: use 1 to 63 of a-z 0-9 _ . -.")]
    [InlineData("Loss", 1.0, "'Loss' is not a metric name: use 1 to 63 of a-z 0-9 _ . -.")]
    [InlineData("a b", 1.0, "'a b' is not a metric name: use 1 to 63 of a-z 0-9 _ . -.")]
    [InlineData("loss", double.PositiveInfinity, "Metric loss must be finite or NaN.")]
    public void A_bad_metric_is_refused_with_a_sentence(string name, double value, string sentence)
    {
        Assert.False(Metrics.TryCreate([new(name, value)], out _, out string? flaw));
        Assert.Equal(sentence, flaw);
        Assert.Throws<ArgumentException>(() => Metrics.Of((name, value)));
    }

    [Fact]
    public void A_name_twice_or_a_seventeenth_metric_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Metrics.Of(("loss", 1), ("loss", 2)));
        var many = Enumerable.Range(0, Metrics.CountMax + 1).Select(i => KeyValuePair.Create($"m{i}", 1.0)).ToList();
        Assert.True(Metrics.TryCreate(many.Skip(1), out _, out _));
        Assert.False(Metrics.TryCreate(many, out _, out string? flaw));
        Assert.Equal("There are 17 metrics; at most 16 are allowed.", flaw);
    }

    [Theory]
    [InlineData("accuracy", 2)]
    [InlineData("loss", 1)]
    [InlineData("val_loss", 3)]
    [InlineData("f1", 0)]
    public void The_best_model_is_the_one_with_the_best_value_of_the_runs_score_metric(string metric, int best)
    {
        var trail = Trail.Of(
        [
            Model(0, Metrics.None), Model(1, Metrics.Of(("loss", 0.1), ("accuracy", 0.7), ("val_loss", 3))),
            Model(2, Metrics.Of(("loss", 0.2), ("accuracy", 0.9), ("val_loss", double.NaN))),
            Model(3, Metrics.Of(("loss", 0.3), ("accuracy", 0.9), ("val_loss", 2))),
        ],
        metric);
        Assert.Equal(best, trail.Best?.Round ?? 0);
    }

    private static PublishedModel Model(int round, Metrics score) =>
        new(round, Scene.Blob($"{round}"), 1, 1, 1, [], 0, 0) { Score = score };
}
