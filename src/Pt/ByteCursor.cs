using System.Buffers.Binary;

namespace Quorate.Pt;

/// <summary>Reads little-endian fields one after the other and never past the end.</summary>
/// <param name="bytes">What is read.</param>
/// <param name="what">The part of the file these bytes are, for the sentence when they end too early.</param>
/// <param name="entry">The archive's entry that it belongs to, if to one; quoted only when there is a sentence.</param>
internal sealed class ByteCursor(ReadOnlyMemory<byte> bytes, string what, string? entry = null)
{
    private int _position;

    public bool AtEnd => _position == bytes.Length;

    public int Position => _position;

    private string What => entry is null ? what : $"{what} {PtText.Quote(entry)}";

    public byte Byte() => Take(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public void Skip(int count) => Take(count);

    /// <exception cref="PtFormatException">Fewer than <paramref name="count"/> bytes are left.</exception>
    public ReadOnlySpan<byte> Take(int count) => TakeMemory(count).Span;

    /// <inheritdoc cref="Take"/>
    public ReadOnlyMemory<byte> TakeMemory(int count)
    {
        if (count > bytes.Length - _position)
            throw new PtFormatException(
                $"{What} ends in the middle of a field, after {bytes.Length} bytes: the file is damaged.");
        _position += count;
        return bytes.Slice(_position - count, count);
    }

    /// <summary>The bytes up to the next line feed, which is passed over.</summary>
    /// <exception cref="PtFormatException">The line is longer than <paramref name="limit"/> bytes or has no
    /// end.</exception>
    public ReadOnlySpan<byte> Line(int limit)
    {
        ReadOnlySpan<byte> rest = bytes.Span[_position..];
        int length = rest[..Math.Min(rest.Length, limit + 1)].IndexOf((byte)'\n');
        if (length < 0) throw new PtFormatException($"{What} holds a line without an end, or one over {limit} bytes.");
        _position += length + 1;
        return rest[..length];
    }
}
