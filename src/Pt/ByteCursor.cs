using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Pt;

/// <summary>Reads little-endian fields in sequence and never past the end.</summary>
/// <param name="bytes">The bytes to read.</param>
/// <param name="what">What these bytes are, for error messages.</param>
/// <param name="entry">The archive entry they belong to, if any, for error messages.</param>
internal sealed class ByteCursor(ReadOnlyMemory<byte> bytes, string what, string? entry = null)
{
    private int _position;

    public bool AtEnd => _position == bytes.Length;

    public int Position => _position;

    private string What => entry is null ? what : $"{what} {PtText.Quote(entry)}";

    /// <summary>What has not been read yet.</summary>
    public ReadOnlySpan<byte> Rest => bytes.Span[_position..];

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

    /// <summary>The bytes up to the next line feed, which is skipped.</summary>
    /// <exception cref="PtFormatException">The line is longer than <paramref name="limit"/> bytes or does not
    /// end.</exception>
    public ReadOnlySpan<byte> Line(int limit)
    {
        ReadOnlySpan<byte> rest = Rest;
        int length = rest[..Math.Min(rest.Length, limit + 1)].IndexOf((byte)'\n');
        if (length < 0) throw new PtFormatException($"{What} has a line without an end, or one over {limit} bytes.");
        _position += length + 1;
        return rest[..length];
    }
}

/// <summary>Positioned reads that fill the whole destination.</summary>
internal static class FileBytes
{
    /// <exception cref="PtFormatException">The file ends before <paramref name="destination"/> is full.</exception>
    public static void Read(SafeFileHandle file, long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int count = RandomAccess.Read(file, destination, offset);
            if (count == 0)
                throw new PtFormatException(
                    $"The file ends at byte {offset}, earlier than its directory says: it is cut off.");
            destination = destination[count..];
            offset += count;
        }
    }

    public static ByteCursor Cursor(
        SafeFileHandle file, long offset, int length, string what, string? entry = null)
    {
        byte[] bytes = new byte[length];
        Read(file, offset, bytes);
        return new ByteCursor(bytes, what, entry);
    }
}

/// <summary>
/// The blocks that files are read and written with. <see cref="ArrayPool{T}.Shared"/> keeps one buffer per thread and
/// loses it with the thread, so it would allocate blocks on the large object heap again and again.
/// </summary>
public static class FileBlocks
{
    /// <summary>Bytes of the largest block.</summary>
    public const int BytesMax = 256 << 10;

    /// <summary>Blocks kept of each size. More files than this are rarely open at the same time.</summary>
    private const int Kept = 16;

    public static ArrayPool<byte> Pool { get; } = ArrayPool<byte>.Create(BytesMax, Kept);
}
