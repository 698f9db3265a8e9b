using System.Buffers.Binary;
using System.Text;

namespace Quorate.Rounds;

/// <summary>
/// Writes facts as records. A record is a length (4 bytes) and its fields in order: little-endian numbers, hashes,
/// counted UTF-8 texts, records. Zero bytes at a record's end are left out and read back as zeros, and every field's
/// default is zero; so a field that is added at the end does not change facts that do not use it. A text or an inner
/// record that is not empty is never cut.
/// Invariant: what is written can be read. An unreadable fact in the log would stop every replica for good.
/// </summary>
/// <param name="level">The cluster's feature level: fields of a higher one are not written.</param>
/// <param name="capacity">Initial capacity of the buffer, in bytes.</param>
internal sealed class FactWriter(int level, int capacity = 256)
{
    private byte[] _bytes = new byte[capacity];
    private int _count;
    private int _uncut; // end of the last text or inner record

    public int Level => level;

    public int Count => _count;

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, _count);

    /// <summary>Discards everything written. The bytes of <see cref="Written"/> are overwritten.</summary>
    public void Clear() => _count = _uncut = 0;

    /// <summary>Starts a record. Disposing the result ends it.</summary>
    public RecordScope Record()
    {
        var scope = new RecordScope(this, _count, _uncut);
        Int32(0);
        _uncut = _count;
        return scope;
    }

    public void Byte(byte value) => Reserve(1)[0] = value;
    public void Bool(bool value) => Byte(value ? (byte)1 : (byte)0);
    public void Int32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Reserve(4), value);
    public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Reserve(8), value);
    public void UInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Reserve(8), value);
    public void Double(double value) => BinaryPrimitives.WriteDoubleLittleEndian(Reserve(8), value);
    public void Hash(BlobHash value) => value.CopyTo(Reserve(BlobHash.Size));
    public void Span(TimeSpan value) => Int64(value.Ticks);
    public void Run(RunId value) => Text(value.ToString(), Slug.MaxLength, charsMin: 1);
    public void Trainer(TrainerId value) => Text(value.ToString(), Slug.MaxLength, charsMin: 1);

    /// <summary>
    /// Writes numbers near 0 in few bytes: seven bits a byte, lowest first, with the sign folded into bit 0 (the
    /// "sint64" of Protocol Buffers).
    /// </summary>
    public void Small(long value)
    {
        ulong rest = (ulong)(value << 1) ^ (ulong)(value >> 63);
        for (; rest >= 0x80; rest >>= 7) Byte((byte)(rest | 0x80));
        Byte((byte)rest);
    }

    /// <exception cref="ArgumentException">The text is longer than its reader allows.</exception>
    public void Text(string value, int charsMax, int charsMin = 0)
    {
        if (value.Length < charsMin || value.Length > charsMax)
            throw new ArgumentException(
                $"A text has a length of {value.Length}, allowed are {charsMin} to {charsMax} characters.");
        int bytes = Encoding.UTF8.GetByteCount(value);
        Int32(bytes);
        Encoding.UTF8.GetBytes(value, Reserve(bytes));
        if (bytes > 0) _uncut = _count;
    }

    /// <summary>Bytes that carry their own length.</summary>
    public void Counted(ReadOnlySpan<byte> bytes)
    {
        Int32(bytes.Length);
        bytes.CopyTo(Reserve(bytes.Length));
        if (bytes.Length > 0) _uncut = _count;
    }

    private void End(int start, int outerUncut)
    {
        while (_count > _uncut && _bytes[_count - 1] == 0) _count--;
        int length = _count - start - sizeof(int);
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(start), length);
        _uncut = length > 0 ? _count : outerUncut;
    }

    private Span<byte> Reserve(int count)
    {
        if (_count + count > _bytes.Length) Array.Resize(ref _bytes, Math.Max(_count + count, 2 * _bytes.Length));
        var span = _bytes.AsSpan(_count, count);
        _count += count;
        return span;
    }

    /// <summary>A record that is being written.</summary>
    public readonly ref struct RecordScope(FactWriter writer, int start, int outerUncut)
    {
        public void Dispose() => writer.End(start, outerUncut);
    }
}
