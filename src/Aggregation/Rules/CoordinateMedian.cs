using Quorate.Aggregation.Windows;

namespace Quorate.Aggregation.Rules;

/// <summary>
/// The coordinate-wise median (Yin et al. 2018), unweighted; for an even number of updates, the mean of the two middle
/// values. The order is total (-0 before +0), so the result does not depend on the updates' order.
/// </summary>
internal sealed class CoordinateMedian : IElementRule
{
    public static readonly Strategy Strategy = new(
        "median", "The median of each element, unweighted: tolerates bad updates up to half of them.", [],
        _ => new Recipe { Rule = () => new CoordinateMedian() });

    /// <summary>Elements sorted at a time: 512 bytes of keys per update.</summary>
    private const int Columns = 64;

    private readonly double[] _row = new double[Columns];
    private long[] _keys = [];

    public void Combine(in Window window, Span<double> next)
    {
        int updates = window.Updates;
        if (_keys.Length == 0) _keys = new long[Columns * updates];
        for (int first = 0; first < next.Length; first += Columns)
        {
            Span<double> row = _row.AsSpan(0, Math.Min(Columns, next.Length - first));
            for (int u = 0; u < updates; u++)
            {
                window.Widen(u, first, row);
                for (int i = 0; i < row.Length; i++)
                    _keys[(i * updates) + u] = Flip(BitConverter.DoubleToInt64Bits(row[i]));
            }
            for (int i = 0; i < row.Length; i++) next[first + i] = Middle(_keys.AsSpan(i * updates, updates));
        }
    }

    private static double Middle(Span<long> keys)
    {
        keys.Sort();
        long upper = keys[keys.Length / 2], lower = keys[(keys.Length - 1) / 2];
        // Halved first, because the sum of two large numbers could overflow. Equal values keep their bits.
        return lower == upper ? Value(lower) : (Value(lower) * 0.5) + (Value(upper) * 0.5);
    }

    private static double Value(long key) => BitConverter.Int64BitsToDouble(Flip(key));

    /// <summary>A double's bits as an integer of the same order, and back: the bits of negative numbers run
    /// backwards.</summary>
    private static long Flip(long bits) => bits ^ ((bits >> 63) & long.MaxValue);
}
