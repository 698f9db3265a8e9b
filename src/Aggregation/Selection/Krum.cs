using Quorate.Aggregation.Rules;

namespace Quorate.Aggregation.Selection;

/// <summary>
/// Krum (Blanchard et al. 2017): with n updates of which f may be bad, an update's score is the sum of its squared
/// distances to its n - f - 2 nearest others. The updates with the <c>keep</c> lowest scores count (more than one is
/// Multi-Krum). Between equal scores, the lower trainer id wins.
/// </summary>
internal sealed class Krum(int bad, int keep) : ISelector
{
    public static readonly Strategy Strategy = new(
        "krum", "The updates that are nearest to the others, unweighted (Krum and Multi-Krum, Blanchard et al. 2017).",
        [
            new("byzantine", 0, 5_000, 1, "Updates that may be bad, f. A round needs 2f + 3 updates.", IsWhole: true),
            new("keep", 1, 10_000, 1, "Updates that count: 1 is Krum, more is Multi-Krum.", IsWhole: true),
        ],
        arguments => new Recipe
        {
            Rule = () => new WeightedMean(),
            Selector = new Krum(arguments.Whole("byzantine"), arguments.Whole("keep")),
            UpdatesMin = Math.Max(
                (2 * arguments.Whole("byzantine")) + 3, arguments.Whole("keep") + arguments.Whole("byzantine")),
        });

    public IReadOnlyList<int> Choose(Distances distances) =>
        [.. Enumerable.Range(0, distances.Updates)
            .OrderBy(update => Score(distances, update)).ThenBy(update => update).Take(keep).Order()];

    internal double Score(Distances distances, int update)
    {
        double[] squares = [.. Enumerable.Range(0, distances.Updates)
            .Where(other => other != update).Select(other => distances.Squared(update, other)).Order()];
        double sum = 0;
        foreach (double square in squares.AsSpan(0, distances.Updates - bad - 2)) sum += square;
        return sum;
    }
}
