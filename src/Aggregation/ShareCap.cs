namespace Quorate.Aggregation;

/// <summary>
/// Bounds the share of one update in a weighted mean, because a number of examples is its sender's word.
/// <para>
/// With n the examples and s the largest share, the weights are w = min(n, c), where c is the largest whole number for
/// which c &lt;= s · Σ min(n, c). If no update has more than its share, c is the largest n, and every weight stays what
/// it was. Otherwise the updates above c have about the share s each, and the others keep their proportions.
/// </para>
/// <para>
/// Why c exists and bisection finds it: s · Σ min(n, c) - c is concave in c and 0 at c = 0, so the whole numbers that
/// satisfy the condition are 1, 2, … c without a gap. There are some if the number of updates times s is at least 1;
/// otherwise all weights become 1. The weights are whole numbers, so the mean has exact products as without a cap. The
/// only rounding is that of s times a sum below 2^44, one IEEE multiplication, which is the same everywhere.
/// </para>
/// </summary>
internal static class ShareCap
{
    /// <summary>Lowers the weights that are above the cap, in at most 30 passes over them.</summary>
    /// <param name="weights">Examples, 1 to <see cref="WeightedFile.ExamplesMax"/>.</param>
    /// <param name="maxShare">Above 0, at most 1; 1: no weight changes.</param>
    public static void Apply(Span<long> weights, double maxShare)
    {
        long low = 1, high = 1;
        foreach (long weight in weights) high = Math.Max(high, weight);
        if (Allows(weights, maxShare, high)) return;
        // Invariant: low is allowed, or is 1; high is not allowed.
        while (high - low > 1)
        {
            long middle = low + ((high - low) / 2);
            if (Allows(weights, maxShare, middle)) low = middle;
            else high = middle;
        }
        foreach (ref long weight in weights) weight = Math.Min(weight, low);
    }

    private static bool Allows(ReadOnlySpan<long> weights, double maxShare, long cap)
    {
        long sum = 0;
        foreach (long weight in weights) sum += Math.Min(weight, cap);
        return cap <= maxShare * sum;
    }
}
