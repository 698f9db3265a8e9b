using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>
/// Σ n·x / Σ n, element by element, in double, for up to <see cref="ElementsMax"/> elements at a time.
///
/// Why the bits are the same everywhere: an element's terms are added in the order of the updates, on one thread, and
/// vectors only put different elements side by side. For float32 and narrower x the product n·x is exact (n below 2^29,
/// so 53 bits suffice), hence a fused multiply-add rounds alike, and is used; for float64 it is rounded once, and
/// .NET never fuses a * b + c by itself. Sum, product and quotient are IEEE 754 operations, rounded to nearest, ties to
/// even. The mean is rounded to the tensor's type once more, from the double, to nearest, ties to even. Sums begin with
/// -0, since -0 + x is x for every x; 0 + -0 would lose a sign.
///
/// The loops are compiled at their best at once: vectors cannot be compiled ahead, and a small model's mean is made so
/// seldom that the runtime would run them unoptimized for thousands of rounds.
/// </summary>
/// <param name="total">Σ n.</param>
internal sealed class WeightedSum(long total)
{
    /// <summary>32 KB of each update's float32: the chunks of five stay in a core's second-level cache.</summary>
    public const int ElementsMax = 8 << 10;

    private readonly ByTotal _byTotal = new(total);
    // Of types that are not float32, which are seldom: made when the first comes.
    private double[] _sums = [], _wide = [];

    /// <summary>The mean of the same elements of several updates.</summary>
    /// <param name="type">A floating type.</param>
    /// <param name="chunks">The first update's elements; of each update as many are taken as the result has.</param>
    /// <param name="stride">Bytes from one update's elements to the next one's, a multiple of 8.</param>
    /// <param name="weights">Each update's n.</param>
    /// <param name="result">The mean's elements, at most <see cref="ElementsMax"/>.</param>
    public void Mean(
        TensorType type, ReadOnlySpan<byte> chunks, int stride, ReadOnlySpan<double> weights, Span<byte> result)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(chunks.Length, ((weights.Length - 1) * stride) + result.Length);
        if (type == TensorType.Float32)
        {
            ReadOnlySpan<float> floats = MemoryMarshal.Cast<byte, float>(chunks);
            Mean(floats, stride / sizeof(float), weights, MemoryMarshal.Cast<byte, float>(result));
            return;
        }

        if (_sums.Length == 0) (_sums, _wide) = (new double[ElementsMax], new double[ElementsMax]);
        Span<double> means = _sums.AsSpan(0, result.Length / type.Size());
        means.Fill(-0.0);
        for (int u = 0; u < weights.Length; u++)
            Add(Widen(type, chunks.Slice(u * stride, result.Length)), weights[u], means);
        Divide(means);
        switch (type)
        {
            case TensorType.Float64: MemoryMarshal.AsBytes(means).CopyTo(result); break;
            case TensorType.Float16: Narrow(means, MemoryMarshal.Cast<byte, Half>(result)); break;
            default: Narrow(means, MemoryMarshal.Cast<byte, ushort>(result)); break;
        }
    }

    /// <summary>
    /// From the updates' elements to the mean's without a stop in memory: sums stay in registers while the updates go
    /// by, four vectors of them, since the additions of one must wait for each other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Mean(ReadOnlySpan<float> chunks, int stride, ReadOnlySpan<double> weights, Span<float> result)
    {
        ByTotal by = _byTotal;
        int floats = Vector<float>.Count, i = 0;
        ref float x = ref MemoryMarshal.GetReference(chunks);
        ref float mean = ref MemoryMarshal.GetReference(result);
        for (; i <= result.Length - (2 * floats); i += 2 * floats)
        {
            Vector<double> a = new(-0.0), b = a, c = a, d = a;
            nuint at = (nuint)i;
            for (int u = 0; u < weights.Length; u++, at += (nuint)stride)
            {
                var weight = new Vector<double>(weights[u]);
                Vector.Widen(Vector.LoadUnsafe(ref x, at), out Vector<double> low, out Vector<double> high);
                a = Vector.FusedMultiplyAdd(low, weight, a);
                b = Vector.FusedMultiplyAdd(high, weight, b);
                Vector.Widen(Vector.LoadUnsafe(ref x, at + (nuint)floats), out low, out high);
                c = Vector.FusedMultiplyAdd(low, weight, c);
                d = Vector.FusedMultiplyAdd(high, weight, d);
            }

            Vector.Narrow(by.Divide(a), by.Divide(b)).StoreUnsafe(ref mean, (nuint)i);
            Vector.Narrow(by.Divide(c), by.Divide(d)).StoreUnsafe(ref mean, (nuint)(i + floats));
        }

        for (; i < result.Length; i++)
        {
            double sum = -0.0;
            for (int u = 0; u < weights.Length; u++) sum += chunks[(u * stride) + i] * weights[u];
            result[i] = (float)(sum / total);
        }
    }

    private ReadOnlySpan<double> Widen(TensorType type, ReadOnlySpan<byte> elements)
    {
        switch (type)
        {
            case TensorType.Float64: return MemoryMarshal.Cast<byte, double>(elements);
            case TensorType.Float16:
                ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(elements);
                for (int i = 0; i < halves.Length; i++) _wide[i] = (double)halves[i];
                return _wide.AsSpan(0, halves.Length);
            case TensorType.BFloat16:
                // The upper half of the float32 of the same value.
                ReadOnlySpan<ushort> upper = MemoryMarshal.Cast<byte, ushort>(elements);
                for (int i = 0; i < upper.Length; i++) _wide[i] = BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
                return _wide.AsSpan(0, upper.Length);
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "Not a floating type.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(ReadOnlySpan<double> elements, double weight, Span<double> sums)
    {
        Span<Vector<double>> wide = MemoryMarshal.Cast<double, Vector<double>>(sums);
        ReadOnlySpan<Vector<double>> terms = MemoryMarshal.Cast<double, Vector<double>>(elements);
        for (int v = 0; v < terms.Length; v++) wide[v] += terms[v] * weight;
        for (int i = terms.Length * Vector<double>.Count; i < elements.Length; i++) sums[i] += elements[i] * weight;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Divide(Span<double> sums)
    {
        Span<Vector<double>> wide = MemoryMarshal.Cast<double, Vector<double>>(sums);
        var divisor = new Vector<double>(total);
        for (int v = 0; v < wide.Length; v++) wide[v] /= divisor;
        for (int i = wide.Length * Vector<double>.Count; i < sums.Length; i++) sums[i] /= total;
    }

    private static void Narrow(ReadOnlySpan<double> means, Span<Half> result)
    {
        for (int i = 0; i < means.Length; i++) result[i] = (Half)means[i];
    }

    private static void Narrow(ReadOnlySpan<double> means, Span<ushort> result)
    {
        for (int i = 0; i < means.Length; i++) result[i] = ToBFloat(means[i]);
    }

    /// <summary>
    /// The nearest bfloat16, ties to even. By way of a float32 that is rounded to odd: what is cut off leaves a 1 in
    /// the last bit, so that the second rounding still sees on which side of a tie the double lies.
    /// </summary>
    private static ushort ToBFloat(double mean)
    {
        if (double.IsNaN(mean)) return 0x7FC0;
        float near = (float)mean;
        uint bits = BitConverter.SingleToUInt32Bits(near);
        if (near != mean)
        {
            if (Math.Abs((double)near) > Math.Abs(mean)) bits--;
            bits |= 1;
        }

        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
