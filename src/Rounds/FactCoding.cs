using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Quorate.Rounds;

/// <summary>
/// Writes the few shapes that facts are made of: little-endian numbers, hashes, counted UTF-8 texts.
/// Invariant: what is written can be read. A fact in the log that nobody can read stops every replica for good.
/// </summary>
internal sealed class FactWriter(IBufferWriter<byte> output)
{
    public void Byte(byte value) => Reserve(1)[0] = value;
    public void Bool(bool value) => Byte(value ? (byte)1 : (byte)0);
    public void Int32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Reserve(4), value);
    public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Reserve(8), value);
    public void UInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Reserve(8), value);
    public void Double(double value) => BinaryPrimitives.WriteDoubleLittleEndian(Reserve(8), value);
    public void Hash(BlobHash value) => value.CopyTo(Reserve(BlobHash.Size));
    public void Span(TimeSpan value) => Int64(value.Ticks);

    public void Raw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Reserve(bytes.Length));

    /// <summary>
    /// Few bytes for a number near 0: seven bits a byte, the lowest first, after the sign was folded into bit 0 (the
    /// "sint64" of Protocol Buffers).
    /// </summary>
    public void Small(long value)
    {
        ulong rest = (ulong)(value << 1) ^ (ulong)(value >> 63);
        for (; rest >= 0x80; rest >>= 7) Byte((byte)(rest | 0x80));
        Byte((byte)rest);
    }

    public void Run(RunId value) => Text(value.ToString(), Slug.MaxLength, charsMin: 1);
    public void Trainer(TrainerId value) => Text(value.ToString(), Slug.MaxLength, charsMin: 1);

    /// <exception cref="ArgumentException">The text has another length than its reader allows.</exception>
    public void Text(string value, int charsMax, int charsMin = 0)
    {
        if (value.Length < charsMin || value.Length > charsMax)
            throw new ArgumentException(
                $"A text has {value.Length} characters where {charsMin} to {charsMax} are allowed.");
        int bytes = Encoding.UTF8.GetByteCount(value);
        Int32(bytes);
        Encoding.UTF8.GetBytes(value, Reserve(bytes));
    }

    private Span<byte> Reserve(int count)
    {
        var span = output.GetSpan(count)[..count];
        output.Advance(count);
        return span;
    }
}

/// <summary>
/// Reads what <see cref="FactWriter"/> wrote. Every count is checked against the bytes that are left before anything
/// is allocated for it; every failure is an <see cref="InvalidDataException"/>.
/// </summary>
internal ref struct FactReader(ReadOnlySpan<byte> bytes)
{
    private static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = bytes;

    public byte Byte() => Take(1)[0];
    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));
    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));
    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
    public double Double() => BinaryPrimitives.ReadDoubleLittleEndian(Take(8));
    public BlobHash Hash() => BlobHash.FromBytes(Take(BlobHash.Size));
    public TimeSpan Span() => TimeSpan.FromTicks(Int64());

    public ReadOnlySpan<byte> Raw(int count) => Take(count);

    public long Small()
    {
        ulong folded = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Byte();
            if (shift == 63 && next > 1) break; // a 65th bit
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
        int count = Int32();
        if (count < 0 || count > _rest.Length) throw Bad($"a text of {count} bytes where {_rest.Length} are left");
        try
        {
            string text = StrictUtf8.GetString(Take(count));
            return text.Length <= charsMax
                ? text
                : throw Bad($"a text of {text.Length} characters, {charsMax} allowed");
        }
        catch (DecoderFallbackException)
        {
            throw Bad("a text that is no UTF-8");
        }
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

    public readonly void End()
    {
        if (_rest.Length > 0) throw Bad($"{_rest.Length} bytes too many");
    }

    public static InvalidDataException Bad(string what) => new($"The encoded fact holds {what}.");

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length) throw Bad($"{_rest.Length} bytes where {count} are due");
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
