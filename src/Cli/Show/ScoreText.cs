using System.Globalization;
using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Show;

/// <summary>A score as text. Loss and accuracy have their usual form; other metrics are listed by name.</summary>
internal static class ScoreText
{
    /// <summary>For a line of a round: "loss 0.061 · accuracy 98.4 %".</summary>
    public static string Short(ScoreStatus score) => string.Join(" · ", Parts(score, decimals: 1));

    /// <summary>For the list of models: "loss 0.061  accuracy 98.41 % of 2000".</summary>
    public static string Long(ScoreStatus score)
    {
        string of = score.Metrics.TryGetValue(Metrics.Examples, out double examples)
            ? FormattableString.Invariant($" of {examples:0}")
            : "";
        return string.Join("  ", Parts(score, decimals: 2)) + of;
    }

    private static IEnumerable<string> Parts(ScoreStatus score, int decimals)
    {
        var others = score.Metrics.Where(m => m.Key is not (Metrics.Loss or Metrics.Accuracy or Metrics.Examples))
            .OrderBy(m => m.Key, StringComparer.Ordinal)
            .Select(m => FormattableString.Invariant($"{m.Key} {m.Value:0.000}"));
        if (score.Metrics.TryGetValue(Metrics.Loss, out double loss))
            yield return FormattableString.Invariant($"loss {loss:0.000}");
        foreach (string other in others) yield return other;
        if (score.Metrics.TryGetValue(Metrics.Accuracy, out double accuracy))
            yield return $"accuracy {(100 * accuracy).ToString($"F{decimals}", CultureInfo.InvariantCulture)} %";
    }
}
