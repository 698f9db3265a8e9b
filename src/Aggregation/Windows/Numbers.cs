using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Quorate.Pt;

namespace Quorate.Aggregation.Windows;

/// <summary>
/// A tensor's elements to doubles and back. Every type but int64 fits in a double exactly; int64 is rounded beyond
/// 2^53. The way back rounds once to the nearest, ties to even; integers are limited to their type's range.
/// </summary>
internal static class Numbers
{
    public static void Widen(TensorType type, ReadOnlySpan<byte> bytes, Span<double> elements)
    {
        switch (type)
        {
            case TensorType.Float64: MemoryMarshal.Cast<byte, double>(bytes).CopyTo(elements); break;
            case TensorType.Float32: Widen(MemoryMarshal.Cast<byte, float>(bytes), elements); break;
            case TensorType.BFloat16:
                // The upper half of the float32 with the same value.
                ReadOnlySpan<ushort> upper = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (int i = 0; i < upper.Length; i++)
                    elements[i] = BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
                break;
            case TensorType.Float16: Widen<Half>(bytes, elements); break;
            case TensorType.Int64: Widen<long>(bytes, elements); break;
            case TensorType.Int32: Widen<int>(bytes, elements); break;
            case TensorType.Int16: Widen<short>(bytes, elements); break;
            case TensorType.Int8: Widen<sbyte>(bytes, elements); break;
            case TensorType.UInt8: Widen<byte>(bytes, elements); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "Not a number.");
        }
    }

    public static void Narrow(TensorType type, ReadOnlySpan<double> elements, Span<byte> bytes)
    {
        switch (type)
        {
            case TensorType.Float64: MemoryMarshal.AsBytes(elements).CopyTo(bytes); break;
            case TensorType.Float32: Narrow(elements, MemoryMarshal.Cast<byte, float>(bytes)); break;
            case TensorType.Float16:
                Span<Half> halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (int i = 0; i < elements.Length; i++) halves[i] = (Half)elements[i];
                break;
            case TensorType.BFloat16:
                Span<ushort> brains = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (int i = 0; i < elements.Length; i++) brains[i] = ToBFloat(elements[i]);
                break;
            case TensorType.Int64: Narrow<long>(elements, bytes); break;
            case TensorType.Int32: Narrow<int>(elements, bytes); break;
            case TensorType.Int16: Narrow<short>(elements, bytes); break;
            case TensorType.Int8: Narrow<sbyte>(elements, bytes); break;
            case TensorType.UInt8: Narrow<byte>(elements, bytes); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "Not a number.");
        }
    }

    /// <summary>The larger value of each element, into <paramref name="largest"/>.</summary>
    public static void Max(TensorType type, ReadOnlySpan<byte> bytes, Span<byte> largest)
    {
        switch (type)
        {
            case TensorType.Float64: Max<double>(bytes, largest); break;
            case TensorType.Float32: Max<float>(bytes, largest); break;
            case TensorType.Float16: Max<Half>(bytes, largest); break;
            case TensorType.BFloat16:
                ReadOnlySpan<ushort> values = MemoryMarshal.Cast<byte, ushort>(bytes);
                Span<ushort> most = MemoryMarshal.Cast<byte, ushort>(largest);
                for (int i = 0; i < values.Length; i++)
                    most[i] = (ushort)(BitConverter.SingleToUInt32Bits(float.Max(
                        BitConverter.UInt32BitsToSingle((uint)most[i] << 16),
                        BitConverter.UInt32BitsToSingle((uint)values[i] << 16))) >> 16);
                break;
            case TensorType.Int64: Max<long>(bytes, largest); break;
            case TensorType.Int32: Max<int>(bytes, largest); break;
            case TensorType.Int16: Max<short>(bytes, largest); break;
            case TensorType.Int8: Max<sbyte>(bytes, largest); break;
            case TensorType.UInt8: Max<byte>(bytes, largest); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "Not a number.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(ReadOnlySpan<float> floats, Span<double> elements)
    {
        int count = Vector<float>.Count, i = 0;
        ref double first = ref MemoryMarshal.GetReference(elements);
        for (; i <= floats.Length - count; i += count)
        {
            Vector.Widen(new Vector<float>(floats[i..]), out Vector<double> low, out Vector<double> high);
            low.StoreUnsafe(ref first, (nuint)i);
            high.StoreUnsafe(ref first, (nuint)(i + (count / 2)));
        }

        for (; i < floats.Length; i++) elements[i] = floats[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow(ReadOnlySpan<double> elements, Span<float> floats)
    {
        int count = Vector<float>.Count, i = 0;
        ref double first = ref MemoryMarshal.GetReference(elements);
        for (; i <= floats.Length - count; i += count)
        {
            Vector<double> low = Vector.LoadUnsafe(ref first, (nuint)i);
            Vector<double> high = Vector.LoadUnsafe(ref first, (nuint)(i + (count / 2)));
            Vector.Narrow(low, high).CopyTo(floats[i..]);
        }

        for (; i < floats.Length; i++) floats[i] = (float)elements[i];
    }

    private static void Widen<T>(ReadOnlySpan<byte> bytes, Span<double> elements)
        where T : unmanaged, INumber<T>
    {
        ReadOnlySpan<T> numbers = MemoryMarshal.Cast<byte, T>(bytes);
        for (int i = 0; i < numbers.Length; i++) elements[i] = double.CreateTruncating(numbers[i]);
    }

    private static void Narrow<T>(ReadOnlySpan<double> elements, Span<byte> bytes)
        where T : unmanaged, IBinaryInteger<T>
    {
        Span<T> numbers = MemoryMarshal.Cast<byte, T>(bytes);
        for (int i = 0; i < elements.Length; i++)
            numbers[i] = T.CreateSaturating(Math.Round(elements[i], MidpointRounding.ToEven));
    }

    private static void Max<T>(ReadOnlySpan<byte> bytes, Span<byte> largest)
        where T : unmanaged, INumber<T>
    {
        ReadOnlySpan<T> values = MemoryMarshal.Cast<byte, T>(bytes);
        Span<T> most = MemoryMarshal.Cast<byte, T>(largest);
        for (int i = 0; i < values.Length; i++) most[i] = T.Max(most[i], values[i]);
    }

    /// <summary>
    /// The nearest bfloat16, ties to even, by way of a float32 that is rounded to odd: the last bit is set if anything
    /// was cut off, so the second rounding still knows on which side of a tie the double is.
    /// </summary>
    private static ushort ToBFloat(double value)
    {
        if (double.IsNaN(value)) return 0x7FC0;
        float near = (float)value;
        uint bits = BitConverter.SingleToUInt32Bits(near);
        if (near != value)
        {
            if (Math.Abs((double)near) > Math.Abs(value)) bits--;
            bits |= 1;
        }

        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
