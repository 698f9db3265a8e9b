using System.Buffers.Binary;
using Quorate.Pt;

namespace Quorate.Unit.Aggregation;

/// <summary>What averaging must give for one element, written the plainest way.</summary>
internal static class PlainAverage
{
    public static byte[] Mean(TensorType type, Memory<byte>[] elements, long[] examples)
    {
        if (!type.IsFloating()) return Max(type, elements);
        double sum = 0;
        for (int i = 0; i < elements.Length; i++) sum += examples[i] * Widen(type, elements[i].Span);
        return Narrow(type, sum / examples.Sum());
    }

    private static byte[] Max(TensorType type, Memory<byte>[] elements) => elements.MaxBy(element => type switch
    {
        TensorType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(element.Span),
        TensorType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(element.Span),
        TensorType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(element.Span),
        TensorType.Int8 => (sbyte)element.Span[0],
        _ => element.Span[0],
    }).ToArray();

    private static double Widen(TensorType type, ReadOnlySpan<byte> element) => type switch
    {
        TensorType.Float64 => BinaryPrimitives.ReadDoubleLittleEndian(element),
        TensorType.Float32 => BinaryPrimitives.ReadSingleLittleEndian(element),
        TensorType.Float16 => (double)BinaryPrimitives.ReadHalfLittleEndian(element),
        _ => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(element) << 16),
    };

    public static byte[] Narrow(TensorType type, double value) => type switch
    {
        TensorType.Float64 => BitConverter.GetBytes(value),
        TensorType.Float32 => BitConverter.GetBytes((float)value),
        TensorType.Float16 => BitConverter.GetBytes((Half)value),
        _ => BitConverter.GetBytes(NearestBFloat(value)),
    };

    /// <summary>By comparing the two neighbours, in double, where both distances are exact.</summary>
    private static ushort NearestBFloat(double value)
    {
        var below = (ushort)(BitConverter.SingleToUInt32Bits((float)value) >> 16);
        if (Math.Abs(BFloat(below)) > Math.Abs(value)) below--;
        double down = Math.Abs(value - BFloat(below)), up = Math.Abs(BFloat((ushort)(below + 1)) - value);
        return up < down || (up == down && below % 2 == 1) ? (ushort)(below + 1) : below;

        static double BFloat(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
    }
}
