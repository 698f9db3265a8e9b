using System.Buffers.Binary;
using System.Text;

namespace Quorate.Pt;

/// <summary>
/// Writes a zip archive of uncompressed entries to a stream that cannot seek. As in PyTorch's own files, an entry's CRC
/// follows its content in a data descriptor, and each entry's content starts at a multiple of 64 bytes, which lets
/// readers map the file. zip64 fields are written only for values that do not fit in 32 bits. No time stamp is
/// written.
/// </summary>
/// <param name="output">Receives the archive in large writes. Not disposed.</param>
internal sealed class ZipWriter(Stream output) : IDisposable
{
    private const int GatherBytes = 64 << 10;
    private const int Alignment = 64;
    private const ushort PaddingExtra = 0x4246; // "FB", as PyTorch names its padding field
    private const ushort Zip64Extra = 0x0001;
    private const ushort Flags = 0x0808; // names are UTF-8, CRC and sizes follow in a data descriptor
    private const ushort Version = 45; // of the zip format: the first that knows zip64
    private const uint NoTime = 0x0021_0000; // 1980-01-01 00:00, the earliest date the format has

    private readonly List<(byte[] Name, long Start, long Length, uint Crc)> _entries = [];
    private readonly WideCrc32 _crc = new();
    private byte[]? _gather = FileBlocks.Pool.Rent(GatherBytes);
    private int _gathered;
    private long _position;
    private (byte[] Name, long Start, long Length) _open;

    public void Entry(string name, ReadOnlySpan<byte> content)
    {
        Begin(name, content.Length);
        Append(content);
        End();
    }

    /// <summary>Starts an entry of exactly <paramref name="length"/> bytes.</summary>
    public void Begin(string name, long length)
    {
        _open = (Encoding.UTF8.GetBytes(name), _position, length);
        int zip64 = length >= uint.MaxValue ? 4 + 2 * sizeof(ulong) : 0;
        long unpadded = _position + 30 + _open.Name.Length + zip64 + 4;
        int padding = (int)((Alignment - unpadded % Alignment) % Alignment);

        var header = new Fields(stackalloc byte[30]);
        header.UInt32(0x04034b50);
        header.UInt16(Version);
        header.UInt16(Flags);
        header.UInt16(0);
        header.UInt32(NoTime);
        header.UInt32(0);
        header.UInt32(zip64 > 0 ? uint.MaxValue : 0);
        header.UInt32(zip64 > 0 ? uint.MaxValue : 0);
        header.UInt16((ushort)_open.Name.Length);
        header.UInt16((ushort)(zip64 + 4 + padding));
        Put(header.Written);
        Put(_open.Name);

        var extra = new Fields(stackalloc byte[zip64 + 4 + padding]);
        if (zip64 > 0)
        {
            extra.UInt16(Zip64Extra);
            extra.UInt16(2 * sizeof(ulong));
            extra.UInt64(0);
            extra.UInt64(0);
        }

        extra.UInt16(PaddingExtra);
        extra.UInt16((ushort)padding);
        extra.Fill((byte)'Z', padding);
        Put(extra.Written);
    }

    public void Append(ReadOnlySpan<byte> content)
    {
        _crc.Append(content);
        Put(content);
    }

    public void End()
    {
        (byte[] name, long start, long length) = _open;
        uint crc = _crc.Current;
        _crc.Reset();
        var descriptor = new Fields(stackalloc byte[24]);
        descriptor.UInt32(0x08074b50);
        descriptor.UInt32(crc);
        descriptor.Size(length, wide: length >= uint.MaxValue);
        descriptor.Size(length, wide: length >= uint.MaxValue);
        Put(descriptor.Written);
        _entries.Add((name, start, length, crc));
    }

    /// <summary>Writes the directory and the end records, then flushes everything to the stream.</summary>
    public void Complete()
    {
        long start = _position;
        foreach ((byte[] name, long entryStart, long length, uint crc) in _entries)
            PutCentral(name, entryStart, length, crc);
        PutEnd(start, _position - start);
        Flush();
    }

    public void Dispose()
    {
        if (_gather is null) return;
        FileBlocks.Pool.Return(_gather);
        _gather = null;
    }

    private void PutCentral(byte[] name, long start, long length, uint crc)
    {
        var extra = new Fields(stackalloc byte[4 + 3 * sizeof(ulong)]);
        bool wideLength = length >= uint.MaxValue;
        bool wideStart = start >= uint.MaxValue;
        if (wideLength || wideStart)
        {
            extra.UInt16(Zip64Extra);
            extra.UInt16((ushort)((wideLength ? 2 * sizeof(ulong) : 0) + (wideStart ? sizeof(ulong) : 0)));
            if (wideLength) extra.UInt64((ulong)length);
            if (wideLength) extra.UInt64((ulong)length);
            if (wideStart) extra.UInt64((ulong)start);
        }

        var header = new Fields(stackalloc byte[46]);
        header.UInt32(0x02014b50);
        header.UInt16(Version);
        header.UInt16(Version);
        header.UInt16(Flags);
        header.UInt16(0);
        header.UInt32(NoTime);
        header.UInt32(crc);
        header.UInt32(Narrow(length));
        header.UInt32(Narrow(length));
        header.UInt16((ushort)name.Length);
        header.UInt16((ushort)extra.Written.Length);
        header.Fill(0, 10); // comment, disk, attributes
        header.UInt32(Narrow(start));
        Put(header.Written);
        Put(name);
        Put(extra.Written);
    }

    private void PutEnd(long start, long length)
    {
        ushort count = (ushort)Math.Min(_entries.Count, ushort.MaxValue);
        if (count == ushort.MaxValue || start >= uint.MaxValue)
        {
            long recordStart = _position;
            var record = new Fields(stackalloc byte[56 + 20]);
            record.UInt32(0x06064b50);
            record.UInt64(44);
            record.UInt16(Version);
            record.UInt16(Version);
            record.Fill(0, 8);
            record.UInt64((ulong)_entries.Count);
            record.UInt64((ulong)_entries.Count);
            record.UInt64((ulong)length);
            record.UInt64((ulong)start);
            record.UInt32(0x07064b50);
            record.UInt32(0);
            record.UInt64((ulong)recordStart);
            record.UInt32(1);
            Put(record.Written);
        }

        var end = new Fields(stackalloc byte[22]);
        end.UInt32(0x06054b50);
        end.UInt32(0);
        end.UInt16(count);
        end.UInt16(count);
        end.UInt32(Narrow(length));
        end.UInt32(Narrow(start));
        end.UInt16(0);
        Put(end.Written);
    }

    private static uint Narrow(long value) => (uint)Math.Min(value, uint.MaxValue);

    private void Put(ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(_gather is null, this);
        _position += bytes.Length;
        if (bytes.Length > GatherBytes - _gathered) Flush();
        if (bytes.Length >= GatherBytes)
        {
            output.Write(bytes);
            return;
        }

        bytes.CopyTo(_gather.AsSpan(_gathered));
        _gathered += bytes.Length;
    }

    private void Flush()
    {
        output.Write(_gather!, 0, _gathered);
        _gathered = 0;
    }

    /// <summary>Writes little-endian fields in sequence.</summary>
    private ref struct Fields(Span<byte> bytes)
    {
        private readonly Span<byte> _bytes = bytes;
        private int _length;

        public readonly ReadOnlySpan<byte> Written => _bytes[.._length];

        public void UInt16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Next(sizeof(ushort)), value);

        public void UInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Next(sizeof(uint)), value);

        public void UInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Next(sizeof(ulong)), value);

        public void Size(long value, bool wide)
        {
            if (wide) UInt64((ulong)value);
            else UInt32((uint)value);
        }

        public void Fill(byte value, int count) => Next(count).Fill(value);

        private Span<byte> Next(int count)
        {
            _length += count;
            return _bytes.Slice(_length - count, count);
        }
    }
}
