using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Quorate.Aggregation.Windows;
using Quorate.Pt;

namespace Quorate.Aggregation.Rules;

/// <summary>
/// Federated averaging (McMahan et al. 2017): Σ n·x / Σ n, element by element, in double, with n the weights.
///
/// Why the bits are the same everywhere: an element's terms are added in the order of the updates, on one thread;
/// vectors only process different elements side by side. For float32 and narrower types, the product n·x is exact (n is
/// below 2^29, so 53 bits are enough), hence a fused multiply-add rounds like two operations and is used. For float64
/// the product is rounded once, and .NET never fuses a * b + c by itself. Sum, product and quotient are IEEE 754
/// operations, rounded to nearest, ties to even. Sums begin with -0, because -0 + x is x for every x, while 0 + -0
/// would lose a sign.
///
/// The loops are compiled with full optimization at once: vector code cannot be compiled ahead of time, and a small
/// model's mean runs so rarely that the runtime would run it unoptimized for thousands of rounds.
/// </summary>
internal sealed class WeightedMean : IElementRule
{
    public static readonly Strategy Strategy = new(
        "mean", "The mean of the updates, weighted by examples (FedAvg, McMahan et al. 2017).", [],
        _ => new Recipe { Rule = () => new WeightedMean(), IsWeighted = true });

    private readonly double[] _terms = new double[Window.ElementsMax];

    public void Combine(in Window window, Span<double> next)
    {
        if (window.Type == TensorType.Float32)
        {
            Combine(
                MemoryMarshal.Cast<byte, float>(window.Bytes), window.Stride / sizeof(float), window.Weights,
                window.Total, next);
            return;
        }

        next.Fill(-0.0);
        Span<double> terms = _terms.AsSpan(0, window.Elements);
        for (int u = 0; u < window.Updates; u++)
        {
            window.Widen(u, 0, terms);
            Add(terms, window.Weights[u], next);
        }
        Divide(next, window.Total);
    }

    /// <summary>
    /// Keeps the sums in registers while it goes through the updates: four vectors at a time, because the additions to
    /// one of them must wait for each other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Combine(
        ReadOnlySpan<float> floats, int stride, ReadOnlySpan<double> weights, long total, Span<double> next)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(floats.Length, ((weights.Length - 1) * stride) + next.Length);
        var byTotal = new ByTotal(total);
        int wide = Vector<double>.Count, i = 0;
        ref float x = ref MemoryMarshal.GetReference(floats);
        ref double mean = ref MemoryMarshal.GetReference(next);
        for (; i <= next.Length - (4 * wide); i += 4 * wide)
        {
            Vector<double> a = new(-0.0), b = a, c = a, d = a;
            nuint at = (nuint)i;
            for (int u = 0; u < weights.Length; u++, at += (nuint)stride)
            {
                var weight = new Vector<double>(weights[u]);
                Vector.Widen(Vector.LoadUnsafe(ref x, at), out Vector<double> low, out Vector<double> high);
                a = Vector.FusedMultiplyAdd(low, weight, a);
                b = Vector.FusedMultiplyAdd(high, weight, b);
                Vector.Widen(Vector.LoadUnsafe(ref x, at + (nuint)(2 * wide)), out low, out high);
                c = Vector.FusedMultiplyAdd(low, weight, c);
                d = Vector.FusedMultiplyAdd(high, weight, d);
            }

            byTotal.Divide(a).StoreUnsafe(ref mean, (nuint)i);
            byTotal.Divide(b).StoreUnsafe(ref mean, (nuint)(i + wide));
            byTotal.Divide(c).StoreUnsafe(ref mean, (nuint)(i + (2 * wide)));
            byTotal.Divide(d).StoreUnsafe(ref mean, (nuint)(i + (3 * wide)));
        }

        for (; i < next.Length; i++)
        {
            double sum = -0.0;
            for (int u = 0; u < weights.Length; u++) sum += floats[(u * stride) + i] * weights[u];
            next[i] = sum / total;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(ReadOnlySpan<double> terms, double weight, Span<double> sums)
    {
        Span<Vector<double>> wide = MemoryMarshal.Cast<double, Vector<double>>(sums);
        ReadOnlySpan<Vector<double>> wideTerms = MemoryMarshal.Cast<double, Vector<double>>(terms);
        for (int v = 0; v < wideTerms.Length; v++) wide[v] += wideTerms[v] * weight;
        for (int i = wideTerms.Length * Vector<double>.Count; i < terms.Length; i++) sums[i] += terms[i] * weight;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Divide(Span<double> sums, long total)
    {
        Span<Vector<double>> wide = MemoryMarshal.Cast<double, Vector<double>>(sums);
        var divisor = new Vector<double>(total);
        for (int v = 0; v < wide.Length; v++) wide[v] /= divisor;
        for (int i = wide.Length * Vector<double>.Count; i < sums.Length; i++) sums[i] /= total;
    }
}
