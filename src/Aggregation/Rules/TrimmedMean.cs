namespace Quorate.Aggregation.Rules;

/// <summary>
/// The coordinate-wise trimmed mean (Yin et al. 2018), unweighted: the mean of each element without its <c>cut</c>
/// smallest and <c>cut</c> largest values, added in ascending order.
/// </summary>
internal sealed class TrimmedMean(int cut) : SortedElements
{
    public static readonly Strategy Strategy = new(
        "trimmedmean", "The mean of each element without its smallest and largest values, unweighted.",
        [
            new("cut", 1, 5_000, 1, "Updates left out at each end, at least as many as may be bad. "
                + "A round needs 2 cut + 1 updates.", IsWhole: true),
        ],
        arguments => new Recipe
        {
            Rule = () => new TrimmedMean(arguments.Whole("cut")),
            UpdatesMin = (2 * arguments.Whole("cut")) + 1,
        });

    /// <inheritdoc/>
    protected override double Combine(ReadOnlySpan<double> ascending)
    {
        ReadOnlySpan<double> kept = ascending[cut..^cut];
        double sum = -0.0; // -0 + x is x for every x.
        foreach (double value in kept) sum += value;
        return sum / kept.Length;
    }
}
