using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Quorate.Shared.Pt;

namespace Quorate.Coordinator.Aggregation;

/// <summary>
/// Σ n·x / Σ n, element by element, in double, for up to <see cref="ElementsMax"/> elements at a time.
///
/// Why the bits are the same everywhere: an element's terms are added in the order of the updates, on one thread, and
/// vectors only put different elements side by side. For float32 and narrower x the product n·x is exact (n below 2^29,
/// so 53 bits suffice), hence a fused multiply-add rounds alike, and is used; for float64 it is rounded once, and
/// .NET never fuses a * b + c by itself. Sum, product and quotient are IEEE 754 operations, rounded to nearest, ties to
/// even. The mean is rounded to the tensor's type once more, from the double, to nearest, ties to even.
///
/// The loops are compiled at their best at once: vectors cannot be compiled ahead, and a small model's mean is made so
/// seldom that the runtime would run them unoptimized for thousands of rounds.
/// </summary>
/// <param name="total">Σ n.</param>
internal sealed class WeightedSum(long total)
{
    /// <summary>64 KB of sums and 32 KB of each update's float32: they stay in a core's second-level cache.</summary>
    public const int ElementsMax = 8 << 10;

    private readonly double[] _sums = new double[ElementsMax];
    private readonly float[] _wide = new float[ElementsMax];
    private int _count;

    /// <summary>
    /// Starts over. The sum of nothing is -0, since -0 + x is x for every x; 0 + -0 would lose a sign.
    /// </summary>
    public void Clear(int count)
    {
        _count = count;
        _sums.AsSpan(0, count).Fill(-0.0);
    }

    /// <summary>
    /// Adds the same elements of several updates, in their order: the sums are read and written once for all of them.
    /// </summary>
    /// <param name="type">A floating type.</param>
    /// <param name="chunks">The first update's elements; of each update as many are taken as were cleared.</param>
    /// <param name="stride">Bytes from one update's elements to the next one's, a multiple of 8.</param>
    /// <param name="weights">Each update's n.</param>
    public void Add(TensorType type, ReadOnlySpan<byte> chunks, int stride, ReadOnlySpan<double> weights)
    {
        int bytes = _count * type.Size();
        ArgumentOutOfRangeException.ThrowIfLessThan(chunks.Length, ((weights.Length - 1) * stride) + bytes);
        if (type == TensorType.Float32)
        {
            Add(MemoryMarshal.Cast<byte, float>(chunks), stride / sizeof(float), weights);
            return;
        }

        for (int u = 0; u < weights.Length; u++) Add(type, chunks.Slice(u * stride, bytes), weights[u]);
    }

    /// <summary>
    /// Puts the sums, divided by the total and rounded to <paramref name="type"/>, into <paramref name="result"/>.
    /// </summary>
    public void Divide(TensorType type, Span<byte> result)
    {
        Span<double> means = _sums.AsSpan(0, _count);
        if (type == TensorType.Float32)
        {
            DivideNarrowed(means, MemoryMarshal.Cast<byte, float>(result));
            return;
        }

        Span<Vector<double>> wide = MemoryMarshal.Cast<double, Vector<double>>(means);
        var divisor = new Vector<double>(total);
        for (int v = 0; v < wide.Length; v++) wide[v] /= divisor;
        for (int i = wide.Length * Vector<double>.Count; i < means.Length; i++) means[i] /= total;

        switch (type)
        {
            case TensorType.Float64: MemoryMarshal.AsBytes(means).CopyTo(result); break;
            case TensorType.Float16: Narrow(means, MemoryMarshal.Cast<byte, Half>(result)); break;
            case TensorType.BFloat16: Narrow(means, MemoryMarshal.Cast<byte, ushort>(result)); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "Not a floating type.");
        }
    }

    private void Add(TensorType type, ReadOnlySpan<byte> elements, double weight)
    {
        switch (type)
        {
            case TensorType.Float64: Add(MemoryMarshal.Cast<byte, double>(elements), weight); break;
            case TensorType.Float16: Add(Widen(MemoryMarshal.Cast<byte, Half>(elements)), 0, [weight]); break;
            case TensorType.BFloat16: Add(WidenBFloat(MemoryMarshal.Cast<byte, ushort>(elements)), 0, [weight]); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "Not a floating type.");
        }
    }

    /// <summary>
    /// Sums stay in registers while the updates go by: four vectors of them, since the additions of one must wait for
    /// each other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(ReadOnlySpan<float> chunks, int stride, ReadOnlySpan<double> weights)
    {
        int doubles = Vector<double>.Count, floats = Vector<float>.Count, i = 0;
        ref float x = ref MemoryMarshal.GetReference(chunks);
        ref double sum = ref MemoryMarshal.GetArrayDataReference(_sums);
        for (; i <= _count - (2 * floats); i += 2 * floats)
        {
            ref double here = ref Unsafe.Add(ref sum, i);
            var a = Vector.LoadUnsafe(ref here);
            var b = Vector.LoadUnsafe(ref here, (nuint)doubles);
            var c = Vector.LoadUnsafe(ref here, (nuint)(2 * doubles));
            var d = Vector.LoadUnsafe(ref here, (nuint)(3 * doubles));
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

            a.StoreUnsafe(ref here);
            b.StoreUnsafe(ref here, (nuint)doubles);
            c.StoreUnsafe(ref here, (nuint)(2 * doubles));
            d.StoreUnsafe(ref here, (nuint)(3 * doubles));
        }

        for (; i < _count; i++)
            for (int u = 0; u < weights.Length; u++) _sums[i] += chunks[(u * stride) + i] * weights[u];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(ReadOnlySpan<double> elements, double weight)
    {
        Span<double> sums = _sums.AsSpan(0, elements.Length);
        Span<Vector<double>> wide = MemoryMarshal.Cast<double, Vector<double>>(sums);
        ReadOnlySpan<Vector<double>> terms = MemoryMarshal.Cast<double, Vector<double>>(elements);
        for (int v = 0; v < terms.Length; v++) wide[v] += terms[v] * weight;
        for (int i = terms.Length * Vector<double>.Count; i < elements.Length; i++) sums[i] += elements[i] * weight;
    }

    private ReadOnlySpan<float> Widen(ReadOnlySpan<Half> elements)
    {
        for (int i = 0; i < elements.Length; i++) _wide[i] = (float)elements[i];
        return _wide.AsSpan(0, elements.Length);
    }

    /// <summary>A bfloat16 is the upper half of the float32 of the same value.</summary>
    private ReadOnlySpan<float> WidenBFloat(ReadOnlySpan<ushort> elements)
    {
        for (int i = 0; i < elements.Length; i++) _wide[i] = BitConverter.UInt32BitsToSingle((uint)elements[i] << 16);
        return _wide.AsSpan(0, elements.Length);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void DivideNarrowed(ReadOnlySpan<double> sums, Span<float> result)
    {
        ReadOnlySpan<Vector<double>> wide = MemoryMarshal.Cast<double, Vector<double>>(sums);
        Span<Vector<float>> narrow = MemoryMarshal.Cast<float, Vector<float>>(result);
        var divisor = new Vector<double>(total);
        for (int v = 0; v < narrow.Length; v++)
            narrow[v] = Vector.Narrow(wide[2 * v] / divisor, wide[(2 * v) + 1] / divisor);
        for (int i = narrow.Length * Vector<float>.Count; i < sums.Length; i++) result[i] = (float)(sums[i] / total);
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
