using Quorate.Aggregation;

namespace Quorate.Unit.Aggregation;

public sealed class AggregationPlanTests
{
    [Fact]
    public void An_unknown_strategy_is_refused_with_the_known_ones() => Refused(
        "aggregation.strategy \"mode\" is not known; the strategies are mean, median, trimmedmean, fedavgm, fedadam, "
            + "fedyogi, fedadagrad, krum.",
        "mode");

    [Theory]
    [InlineData("mean", "momentum", 0.5, "aggregation.parameters.momentum is not a parameter of mean; it has none.")]
    [InlineData("krum", "f", 1,
        "aggregation.parameters.f is not a parameter of krum; its parameters are byzantine, keep.")]
    [InlineData("fedavgm", "momentum", 1,
        "aggregation.parameters.momentum must be a number from 0 to 0.9999, and is 1.")]
    [InlineData("fedavgm", "learningRate", double.NaN,
        "aggregation.parameters.learningRate must be a number from 1E-06 to 100, and is NaN.")]
    [InlineData("krum", "byzantine", 1.5,
        "aggregation.parameters.byzantine must be a whole number from 0 to 5000, and is 1.5.")]
    [InlineData("trimmedmean", "cut", 0,
        "aggregation.parameters.cut must be a whole number from 1 to 5000, and is 0.")]
    [InlineData("fedadam", "tau", 0, "aggregation.parameters.tau must be a number from 1E-09 to 1, and is 0.")]
    [InlineData("fedadagrad", "beta1", 0.9, "aggregation.parameters.beta1 is not a parameter of fedadagrad; "
        + "its parameters are learningRate, tau, initialAccumulator.")]
    public void A_wrong_parameter_is_refused_by_name_and_range(
        string strategy, string parameter, double value, string sentence) =>
        Refused(sentence, strategy, (parameter, value));

    [Theory]
    [InlineData(4, 1, 1, 5)]
    [InlineData(6, 2, 1, 7)]
    [InlineData(5, 1, 6, 7)]
    public void Krum_needs_enough_updates_in_every_round(int minResults, int byzantine, int keep, int least)
    {
        var parameters = new Dictionary<string, double> { ["byzantine"] = byzantine, ["keep"] = keep };
        var check = AggregationPlan.Create("krum", parameters, [], minResults, out _);
        Assert.Equal(
            $"aggregation.strategy \"krum\" with these parameters needs at least {least} updates in every round: "
                + $"minResults must be {least} or more, and is {minResults}.",
            check.ToString());
        Assert.Equal(UpdatesMin(byzantine, keep), least);
    }

    [Fact]
    public void The_trimmed_mean_needs_more_updates_than_it_leaves_out()
    {
        var parameters = new Dictionary<string, double> { ["cut"] = 2 };
        Assert.Equal(
            "aggregation.strategy \"trimmedmean\" with these parameters needs at least 5 updates in every round: "
                + "minResults must be 5 or more, and is 4.",
            AggregationPlan.Create("trimmedmean", parameters, [], minResults: 4, out _).ToString());
        Assert.False(AggregationPlan.Create("trimmedmean", parameters, [], minResults: 5, out _).IsRefused(out _));
    }

    [Fact]
    public void A_wrong_key_rule_is_refused()
    {
        Assert.Equal(
            "aggregation.keys has the rule \"maximum\" for \"*.x\"; "
                + "the rules are aggregate, average, max, local, frozen.",
            Keys(("*.x", "maximum")).ToString());
        Assert.Equal(
            "aggregation.keys has the rule \"2\" for \"*\"; the rules are aggregate, average, max, local, frozen.",
            Keys(("*", "2")).ToString());
        Assert.Equal(
            "aggregation.keys has an empty pattern; \"*\" matches every tensor.", Keys(("", "max")).ToString());
    }

    [Fact]
    public void Every_default_is_in_its_own_range_and_explained() => Assert.All(
        Strategies.All.SelectMany(strategy => strategy.Parameters), parameter =>
        {
            Assert.True(parameter.Allows(parameter.Default), parameter.Name);
            Assert.NotEmpty(parameter.Reason);
        });

    private static int UpdatesMin(int byzantine, int keep) => Math.Max((2 * byzantine) + 3, keep + byzantine);

    private static Quorate.Pt.CheckResult Keys(params (string, string)[] keys) =>
        AggregationPlan.Create("mean", new Dictionary<string, double>(), keys, 1, out _);

    private static void Refused(string sentence, string strategy, params (string Name, double Value)[] parameters)
    {
        var values = parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Value);
        Assert.Equal(sentence, AggregationPlan.Create(strategy, values, [], 100, out var plan).ToString());
        Assert.Null(plan);
    }
}
