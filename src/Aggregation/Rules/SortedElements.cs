using System.Runtime.InteropServices;
using Quorate.Aggregation.Windows;

namespace Quorate.Aggregation.Rules;

/// <summary>
/// Computes each element from the updates' values in ascending order, unweighted. The order is total (-0 before +0), so
/// the result does not depend on the updates' order.
/// </summary>
internal abstract class SortedElements : IElementRule
{
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
            for (int i = 0; i < row.Length; i++) next[first + i] = Combine(_keys.AsSpan(i * updates, updates));
        }
    }

    /// <summary>The next model's element.</summary>
    protected abstract double Combine(ReadOnlySpan<double> ascending);

    private double Combine(Span<long> keys)
    {
        keys.Sort();
        foreach (ref long key in keys) key = Flip(key);
        return Combine(MemoryMarshal.Cast<long, double>(keys));
    }

    /// <summary>A double's bits as an integer of the same order, and back: the bits of negative numbers run
    /// backwards.</summary>
    private static long Flip(long bits) => bits ^ ((bits >> 63) & long.MaxValue);
}
