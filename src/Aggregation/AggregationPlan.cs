using System.Globalization;
using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>
/// How a run's models are computed: a strategy with its parameters, and key rules.
/// </summary>
/// <remarks>Invariant: the strategy exists and its parameters are in their ranges.</remarks>
public sealed class AggregationPlan
{
    private AggregationPlan(Strategy strategy, Arguments arguments, IEnumerable<KeyRule> keys)
    {
        Strategy = strategy.Name;
        Recipe = strategy.Prepare(arguments);
        Keys = new KeyRules(keys);
    }

    /// <summary>The weighted mean with the default key rules.</summary>
    public static AggregationPlan Mean { get; } =
        new(Rules.WeightedMean.Strategy, new Arguments(Rules.WeightedMean.Strategy), []);

    /// <summary>The strategy's name.</summary>
    public string Strategy { get; }

    public KeyRules Keys { get; }

    /// <summary>Whether the strategy keeps a memory from round to round.</summary>
    public bool HasMemory => Recipe.MemoryPerElement > 0;

    /// <summary>The share of a weighted mean that one update may have, above 0, at most 1; 1: no cap.</summary>
    public double MaxShare { get; private init; } = 1;

    internal Recipe Recipe { get; }

    /// <summary>Checks a run's <c>aggregation</c> section.</summary>
    /// <param name="strategy">A name in <see cref="Strategies.All"/>.</param>
    /// <param name="parameters">The parameters that differ from their defaults.</param>
    /// <param name="keys">Patterns and the words of <see cref="KeyAction"/>, before the default rules.</param>
    /// <param name="minResults">Updates that a round has at least.</param>
    /// <param name="plan">The plan, if the section is right.</param>
    /// <param name="maxShare">The share of a weighted mean that one update may have; 1: no cap.</param>
    /// <returns>Passed, or a sentence that names the wrong key.</returns>
    public static CheckResult Create(
        string strategy, IReadOnlyDictionary<string, double> parameters,
        IEnumerable<(string Pattern, string Rule)> keys, int minResults, out AggregationPlan? plan,
        double maxShare = 1)
    {
        plan = null;
        if (Strategies.All.FirstOrDefault(known => known.Name == strategy) is not { } found)
            return CheckResult.Refused($"aggregation.strategy {Shown(strategy)} is not known; "
                + $"the strategies are {string.Join(", ", Strategies.All.Select(known => known.Name))}.");

        var arguments = new Arguments(found);
        foreach ((string name, double value) in parameters)
        {
            if (found.Parameters.FirstOrDefault(known => known.Name == name) is not { } parameter)
                return CheckResult.Refused($"aggregation.parameters.{name} is not a parameter of {strategy}; "
                    + (found.Parameters.Count == 0 ? "it has none."
                        : $"its parameters are {string.Join(", ", found.Parameters.Select(known => known.Name))}."));
            if (!parameter.Allows(value))
                return CheckResult.Refused(string.Create(CultureInfo.InvariantCulture,
                    $"aggregation.parameters.{name} must be {parameter.Range}, and is {value}."));
            arguments.Set(name, value);
        }

        var rules = new List<KeyRule>();
        foreach ((string pattern, string word) in keys)
        {
            if (pattern.Length == 0)
                return CheckResult.Refused("aggregation.keys has an empty pattern; \"*\" matches every tensor.");
            if (!TryParse(word, out KeyAction action))
                return CheckResult.Refused($"aggregation.keys has the rule {Shown(word)} for {Shown(pattern)}; "
                    + "the rules are aggregate, average, max, local, frozen.");
            rules.Add(new KeyRule(pattern, action));
        }

        var complete = new AggregationPlan(found, arguments, rules) { MaxShare = maxShare };
        int least = complete.Recipe.UpdatesMin;
        if (minResults < least)
            return CheckResult.Refused($"aggregation.strategy \"{strategy}\" with these parameters needs at least "
                + $"{least} updates in every round: minResults must be {least} or more, and is {minResults}.");
        if (maxShare < 1 && !complete.Recipe.IsWeighted)
            return CheckResult.Refused($"maxShare caps the weights of a weighted mean; aggregation.strategy "
                + $"\"{strategy}\" gives all updates the same weight, so remove maxShare.");
        plan = complete;
        return CheckResult.Passed;
    }

    private static bool TryParse(string word, out KeyAction action) =>
        Enum.TryParse(word, ignoreCase: true, out action) && word.All(char.IsAsciiLetterLower);

    private static string Shown(string text) =>
        $"\"{(text.Length <= 60 ? text : text[..60] + "…")}\"";
}
