using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>What happens to the tensors whose names match a pattern.</summary>
public enum KeyAction
{
    /// <summary>The run's strategy combines the updates. Integers must be equal in all updates.</summary>
    Aggregate,

    /// <summary>Combined as by the strategy, but never part of its distances or its server step. Integers are averaged
    /// and rounded to the nearest, ties to even.</summary>
    Average,

    /// <summary>The largest value of all updates.</summary>
    Max,

    /// <summary>Stays on the trainer and is in no model.</summary>
    Local,

    /// <summary>Stays as in the first model. Updates may leave it out.</summary>
    Frozen,
}

/// <summary>A glob over tensor names (<c>*</c>: any characters, <c>?</c>: one character) and its action.</summary>
public sealed record KeyRule(string Pattern, KeyAction Action);

/// <summary>What the aggregator does with one tensor.</summary>
internal enum Treatment
{
    /// <summary>Combined by the strategy, with its distances and its server step.</summary>
    Strategy,

    /// <summary>Combined by the strategy's element rule alone.</summary>
    Plain,

    /// <summary>The largest value.</summary>
    Max,

    /// <summary>Equal in all updates and in the model.</summary>
    Constant,

    /// <summary>Copied from the previous model.</summary>
    Frozen,

    /// <summary>In no model and in no update.</summary>
    Local,
}

/// <summary>A run's key rules, followed by the defaults. The first rule that matches a tensor's name counts.</summary>
public sealed class KeyRules
{
    /// <summary>
    /// BatchNorm: its statistics are averages, which a server step could make negative, and its counters count batches.
    /// </summary>
    private static readonly KeyRule[] _defaults =
    [
        new("*.running_mean", KeyAction.Average), new("running_mean", KeyAction.Average),
        new("*.running_var", KeyAction.Average), new("running_var", KeyAction.Average),
        new("*.num_batches_tracked", KeyAction.Max), new("num_batches_tracked", KeyAction.Max),
        new("*", KeyAction.Aggregate),
    ];

    private readonly KeyRule[] _rules;

    internal KeyRules(IEnumerable<KeyRule> rules) => _rules = [.. rules, .. _defaults];

    internal Treatment Of(TensorInfo tensor)
    {
        var action = _rules.First(rule => Matches(rule.Pattern, tensor.Name)).Action;
        return action switch
        {
            KeyAction.Local => Treatment.Local,
            KeyAction.Frozen => Treatment.Frozen,
            // Booleans have no mean and no maximum.
            _ when tensor.Type == TensorType.Bool => Treatment.Constant,
            KeyAction.Max => Treatment.Max,
            KeyAction.Average => Treatment.Plain,
            _ => tensor.Type.IsFloating() ? Treatment.Strategy : Treatment.Constant,
        };
    }

    /// <summary>Whether the glob matches the whole name. At most pattern length times name length steps.</summary>
    internal static bool Matches(string pattern, string name)
    {
        int p = 0, n = 0, star = -1, resume = 0;
        while (n < name.Length)
        {
            if (p < pattern.Length && pattern[p] == '*') (star, resume) = (p++, n);
            else if (p < pattern.Length && (pattern[p] == '?' || pattern[p] == name[n])) (p, n) = (p + 1, n + 1);
            else if (star >= 0) (p, n) = (star + 1, ++resume);
            else return false;
        }
        while (p < pattern.Length && pattern[p] == '*') p++;
        return p == pattern.Length;
    }
}
