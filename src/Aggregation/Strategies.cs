using Quorate.Aggregation.Rules;
using Quorate.Aggregation.Selection;
using Quorate.Aggregation.Windows;

namespace Quorate.Aggregation;

/// <summary>Every strategy that a run can name. A new one is one file and one line here.</summary>
public static class Strategies
{
    public static IReadOnlyList<Strategy> All { get; } =
    [
        WeightedMean.Strategy,
        CoordinateMedian.Strategy,
        TrimmedMean.Strategy,
        ServerMomentum.Strategy,
        FedAdam.Strategy,
        FedYogi.Strategy,
        FedAdagrad.Strategy,
        Krum.Strategy,
    ];
}

/// <summary>A way to compute the next model from updates.</summary>
public sealed class Strategy
{
    internal Strategy(
        string name, string summary, IReadOnlyList<Parameter> parameters, Func<Arguments, Recipe> prepare) =>
        (Name, Summary, Parameters, Prepare) = (name, summary, parameters, prepare);

    /// <summary>The word in a run file.</summary>
    public string Name { get; }

    /// <summary>One sentence for the documentation.</summary>
    public string Summary { get; }

    /// <summary>Empty if it has none.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Makes the strategy ready for a run with these parameters.</summary>
    internal Func<Arguments, Recipe> Prepare { get; }
}

/// <summary>A strategy's parameter.</summary>
/// <param name="Name">The key in a run file.</param>
/// <param name="Min">The smallest value allowed.</param>
/// <param name="Max">The largest value allowed.</param>
/// <param name="Default">The value if the run file has none.</param>
/// <param name="Reason">What it means, and why this default.</param>
/// <param name="IsWhole">Whether only whole numbers are allowed.</param>
public sealed record Parameter(
    string Name, double Min, double Max, double Default, string Reason, bool IsWhole = false)
{
    /// <summary>The allowed values, as part of a sentence.</summary>
    public string Range => FormattableString.Invariant($"a {(IsWhole ? "whole " : "")}number from {Min} to {Max}");

    public bool Allows(double value) => value >= Min && value <= Max && (!IsWhole || Math.Floor(value) == value);
}

/// <summary>The values of a strategy's parameters.</summary>
internal sealed class Arguments(Strategy strategy)
{
    private readonly Dictionary<string, double> _values =
        strategy.Parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Default);

    public double this[string name] => _values[name];

    public int Whole(string name) => (int)_values[name];

    public void Set(string name, double value) => _values[name] = value;
}

/// <summary>A strategy with its parameters: measure, choose, combine.</summary>
internal sealed record Recipe
{
    /// <summary>Makes the rule that combines each element. Rules have scratch memory, so every round has its
    /// own.</summary>
    public required Func<IElementRule> Rule { get; init; }

    /// <summary>Chooses which updates count, by their distances. Null: all count, and no distances are
    /// measured.</summary>
    public ISelector? Selector { get; init; }

    /// <summary>Whether an update's weight is its number of examples. Robust strategies are unweighted, because a bad
    /// trainer can claim any number.</summary>
    public bool IsWeighted { get; init; }

    /// <summary>Whether the rule reads the previous model.</summary>
    public bool ReadsPrevious { get; init; }

    /// <summary>Numbers that the rule keeps for each element from round to round, such as a velocity.</summary>
    public int MemoryPerElement { get; init; }

    /// <summary>Updates that a round needs at least.</summary>
    public int UpdatesMin { get; init; } = 1;
}
