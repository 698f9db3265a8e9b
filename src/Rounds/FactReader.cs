using System.Buffers.Binary;
using System.Text;

namespace Quorate.Rounds;

/// <summary>
/// Reads what <see cref="FactWriter"/> wrote. Each fact has one encoding: bytes after a record's last field, or zeros
/// at its end, are errors. Every count is checked against the bytes that are left before anything is allocated for it.
/// Every failure is an <see cref="InvalidDataException"/>, except that of a head
/// (<see cref="UnsupportedFormatException"/>).
/// </summary>
internal ref struct FactReader(ReadOnlySpan<byte> bytes)
{
    private static readonly UTF8Encoding _strictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = bytes;
    private bool _isRecord;
    private bool _endsInZero; // the last byte read was a zero that the writer would have left out

    public readonly bool IsEmpty => _rest.IsEmpty;

    /// <summary>The reader of an inner record. Its <see cref="End"/> must be called.</summary>
    public FactReader Record() => new(Counted()) { _isRecord = true };

    public byte Byte()
    {
        Span<byte> one = stackalloc byte[1];
        Take(one);
        return one[0];
    }

    public int Int32()
    {
        Span<byte> four = stackalloc byte[4];
        Take(four);
        return BinaryPrimitives.ReadInt32LittleEndian(four);
    }

    public long Int64() => (long)UInt64();

    public ulong UInt64()
    {
        Span<byte> eight = stackalloc byte[8];
        Take(eight);
        return BinaryPrimitives.ReadUInt64LittleEndian(eight);
    }

    public double Double() => BitConverter.UInt64BitsToDouble(UInt64());

    public BlobHash Hash()
    {
        Span<byte> hash = stackalloc byte[BlobHash.Size];
        Take(hash);
        return BlobHash.FromBytes(hash);
    }

    public TimeSpan Span() => TimeSpan.FromTicks(Int64());

    public long Small()
    {
        ulong folded = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Byte();
            if (shift == 63 && next > 1) break; // a 65th bit
            if (shift > 0 && next == 0) throw Bad("a number with a needless byte");
            folded |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80) return (long)(folded >> 1) ^ -(long)(folded & 1);
        }
        throw Bad("a number of more than 64 bits");
    }

    public bool Bool() => Byte() switch
    {
        0 => false,
        1 => true,
        var other => throw Bad($"a truth value of {other}"),
    };

    public string Text(int charsMax)
    {
        var bytes = Counted();
        if (bytes.IsEmpty) return "";
        try
        {
            string text = _strictUtf8.GetString(bytes);
            return text.Length <= charsMax
                ? text
                : throw Bad($"a text of {text.Length} characters, {charsMax} allowed");
        }
        catch (DecoderFallbackException)
        {
            throw Bad("a text that is not UTF-8");
        }
    }

    /// <summary>Bytes that carry their own length, all of them present.</summary>
    public ReadOnlySpan<byte> Counted()
    {
        int count = Int32();
        if (count < 0 || count > _rest.Length) throw Bad($"a length of {count} where {_rest.Length} are left");
        var bytes = _rest[..count];
        _rest = _rest[count..];
        if (count > 0) _endsInZero = false;
        return bytes;
    }

    public RunId Run() => RunId.TryParse(Text(Slug.MaxLength), out var id) ? id : throw Bad("an invalid run name");

    public TrainerId Trainer() =>
        TrainerId.TryParse(Text(Slug.MaxLength), out var id) ? id : throw Bad("an invalid trainer id");

    /// <summary>A count of items that take at least <paramref name="itemBytesMin"/> bytes each.</summary>
    public int Count(int max, int itemBytesMin)
    {
        int count = Int32();
        if (count < 0 || count > max || (long)count * itemBytesMin > _rest.Length) throw Bad($"a count of {count}");
        return count;
    }

    /// <summary>
    /// Checks that everything was read, and that no zeros were written that the writer would have left out.
    /// </summary>
    public readonly void End()
    {
        if (_rest.Length > 0) throw Bad($"bytes after its end, {_rest.Length} of them");
        if (_isRecord && _endsInZero) throw Bad("a record with zeros at its end");
    }

    public static InvalidDataException Bad(string what) => new($"The encoded fact holds {what}.");

    /// <summary>The next bytes; zeros past the end of a record.</summary>
    private void Take(scoped Span<byte> field)
    {
        int taken = Math.Min(field.Length, _rest.Length);
        if (taken < field.Length && !_isRecord) throw Bad($"a field of length {taken} where {field.Length} are due");
        if (taken > 0) _endsInZero = _rest[taken - 1] == 0;
        _rest[..taken].CopyTo(field);
        field[taken..].Clear();
        _rest = _rest[taken..];
    }
}
