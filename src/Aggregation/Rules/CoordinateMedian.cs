namespace Quorate.Aggregation.Rules;

/// <summary>
/// The coordinate-wise median (Yin et al. 2018), unweighted; for an even number of updates, the mean of the two middle
/// values.
/// </summary>
internal sealed class CoordinateMedian : SortedElements
{
    public static readonly Strategy Strategy = new(
        "median", "The median of each element, unweighted: tolerates bad updates up to half of them.", [],
        _ => new Recipe { Rule = () => new CoordinateMedian() });

    /// <inheritdoc/>
    protected override double Combine(ReadOnlySpan<double> ascending)
    {
        double upper = ascending[ascending.Length / 2], lower = ascending[(ascending.Length - 1) / 2];
        // Halved first, because the sum of two large numbers could overflow. Equal values keep their bits.
        return BitConverter.DoubleToInt64Bits(lower) == BitConverter.DoubleToInt64Bits(upper)
            ? lower : (lower * 0.5) + (upper * 0.5);
    }
}
