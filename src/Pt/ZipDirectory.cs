using Microsoft.Win32.SafeHandles;

namespace Quorate.Pt;

/// <summary>One stored entry of the archive.</summary>
/// <param name="Name">Its full name, such as <c>archive/data/0</c>.</param>
/// <param name="Start">Where its local header starts, in bytes from the start of the file.</param>
/// <param name="DataStart">Where its content starts, in bytes from the start of the file.</param>
/// <param name="Length">Bytes of the content, which is stored uncompressed.</param>
/// <param name="Crc">CRC-32 of the content, from the central directory.</param>
internal sealed record ZipEntry(string Name, long Start, long DataStart, long Length, uint Crc);

/// <summary>
/// Reads a zip archive's central directory strictly. PyTorch writes data descriptors and leaves CRC and sizes out of
/// the local headers, so the central directory counts, and a local header only has to agree in name and method.
/// Refused: compressed entries (zip bombs, and their bytes cannot be read in place), encrypted or split entries, a
/// comment or bytes after the archive, duplicate names, and entries that overlap each other or the directory.
///
/// Invariant: every entry returned is inside the file, before the central directory, and overlaps no other.
/// </summary>
internal static class ZipDirectory
{
    private const uint EndSignature = 0x06054b50;
    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const uint CentralSignature = 0x02014b50;
    private const uint LocalSignature = 0x04034b50;
    private const ushort Zip64Extra = 0x0001;
    private const int EndLength = 22;
    private const int Locator64Length = 20;
    private const int End64Length = 56;
    private const int LocalLength = 30;
    private const ushort EncryptedFlags = 0x0001 | 0x0040 | 0x2000;

    /// <returns>The entries by name.</returns>
    /// <exception cref="PtFormatException">The file is not an archive that is read here.</exception>
    public static Dictionary<string, ZipEntry> Read(SafeFileHandle file)
    {
        (long start, long length, int count) = ReadEnd(file);
        byte[] bytes = new byte[length];
        FileBytes.Read(file, start, bytes);
        var cursor = new ByteCursor(bytes, "The archive's directory");
        var entries = new Dictionary<string, ZipEntry>(count, StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            ZipEntry entry = ReadEntry(file, cursor, start);
            if (!entries.TryAdd(entry.Name, entry))
                throw new PtFormatException($"The archive holds the entry {PtText.Quote(entry.Name)} twice.");
        }

        if (!cursor.AtEnd)
            throw new PtFormatException("The archive's directory is longer than its entries: the file is damaged.");
        RefuseOverlaps(entries.Values);
        return entries;
    }

    private static (long Start, long Length, int Count) ReadEnd(SafeFileHandle file)
    {
        long fileLength = RandomAccess.GetLength(file);
        long endStart = fileLength - EndLength;
        var end = endStart < 0 ? null : FileBytes.Cursor(file, endStart, EndLength, "The end of the archive");
        if (end is null || end.UInt32() != EndSignature)
            throw ForeignContent.NoArchive(file);

        bool split = end.UInt16() != 0 | end.UInt16() != 0;
        ulong onDisk = end.UInt16();
        ulong count = end.UInt16();
        ulong length = end.UInt32();
        ulong start = end.UInt32();
        long directoryEnd = endStart;
        if (split || onDisk != count || end.UInt16() != 0)
            throw new PtFormatException(
                "The zip archive is split over disks or carries a comment, which torch.save never writes.");

        if (FindEnd64(file, endStart) is { } end64)
        {
            bool agree = (count == ushort.MaxValue || count == end64.Count)
                && (length == uint.MaxValue || length == end64.Length)
                && (start == uint.MaxValue || start == end64.Start);
            if (!agree)
                throw new PtFormatException(
                    "The archive's two end records contradict each other: the file is damaged.");
            (start, length, count, directoryEnd) = end64;
        }

        if (count > PtLimits.Entries)
            throw new PtFormatException($"The archive claims {count} entries; at most {PtLimits.Entries} are allowed.");
        if (length > PtLimits.DirectoryBytes)
            throw new PtFormatException(
                $"The archive's directory claims {length} bytes; at most {PtLimits.DirectoryBytes} are allowed.");
        if (start > (ulong)directoryEnd || (ulong)directoryEnd - start != length)
            throw new PtFormatException(
                "The archive's directory is not where its end record says: the file is cut or damaged.");
        return ((long)start, (long)length, (int)count);
    }

    /// <summary>
    /// The 64-bit end record, which PyTorch writes for archives of every size; null if there is none.
    /// </summary>
    private static (ulong Start, ulong Length, ulong Count, long RecordStart)? FindEnd64(
        SafeFileHandle file, long endStart)
    {
        long locatorStart = endStart - Locator64Length;
        if (locatorStart < 0) return null;
        var locator = FileBytes.Cursor(file, locatorStart, Locator64Length, "The archive's zip64 locator");
        if (locator.UInt32() != Locator64Signature) return null;

        bool split = locator.UInt32() != 0;
        ulong recordStart = locator.UInt64();
        split |= locator.UInt32() != 1;
        if (recordStart + End64Length != (ulong)locatorStart || locatorStart < End64Length)
            throw new PtFormatException(
                "The archive's zip64 end record is not where its locator says: the file is damaged.");

        var record = FileBytes.Cursor(file, (long)recordStart, End64Length, "The archive's zip64 end record");
        uint signature = record.UInt32();
        ulong size = record.UInt64();
        record.Skip(4);
        split |= record.UInt32() != 0 | record.UInt32() != 0;
        ulong onDisk = record.UInt64();
        ulong count = record.UInt64();
        if (signature != End64Signature || size != End64Length - 12 || split || onDisk != count)
            throw new PtFormatException("The archive's zip64 end record is malformed: the file is damaged.");
        ulong length = record.UInt64();
        return (record.UInt64(), length, count, (long)recordStart);
    }

    private static ZipEntry ReadEntry(SafeFileHandle file, ByteCursor cursor, long directoryStart)
    {
        uint signature = cursor.UInt32();
        cursor.Skip(4); // version made by, version needed
        ushort flags = cursor.UInt16();
        ushort method = cursor.UInt16();
        cursor.Skip(4); // time and date
        uint crc = cursor.UInt32();
        uint packed = cursor.UInt32();
        uint length = cursor.UInt32();
        ushort nameLength = cursor.UInt16();
        ushort extraLength = cursor.UInt16();
        ushort commentLength = cursor.UInt16();
        ushort disk = cursor.UInt16();
        cursor.Skip(6); // attributes
        uint start = cursor.UInt32();
        if (signature != CentralSignature)
            throw new PtFormatException("The archive's directory is damaged: an entry has no signature.");
        if (nameLength > PtLimits.EntryNameBytes)
            throw new PtFormatException(
                $"An entry's name in the archive is longer than {PtLimits.EntryNameBytes} bytes.");

        ReadOnlyMemory<byte> rawName = cursor.TakeMemory(nameLength);
        string name = PtText.Decode(rawName.Span, "An entry's name in the archive");
        (ulong wideLength, ulong widePacked, ulong wideStart) =
            Widen(cursor.TakeMemory(extraLength), length, packed, start, name);
        cursor.Skip(commentLength);
        if (method != 0 || wideLength != widePacked)
            throw new PtFormatException($"The entry {PtText.Quote(name)} is compressed, as in TorchScript; "
                + "torch.save(model.state_dict(), path) stores its entries uncompressed.");
        if ((flags & EncryptedFlags) != 0 || disk != 0)
            throw new PtFormatException($"The entry {PtText.Quote(name)} is encrypted or on another disk.");

        return Locate(file, name, rawName, wideStart, wideLength, crc, directoryStart);
    }

    /// <summary>
    /// Reads the values that do not fit in 32 bits (marked 0xffffffff) from the zip64 extra field, in its fixed order.
    /// </summary>
    private static (ulong Length, ulong Packed, ulong Start) Widen(
        ReadOnlyMemory<byte> extra, ulong length, ulong packed, ulong start, string name)
    {
        var fields = new ByteCursor(extra, "The extra field of the entry", name);
        while (!fields.AtEnd)
        {
            ushort id = fields.UInt16();
            int size = fields.UInt16();
            var body = new ByteCursor(fields.TakeMemory(size), "The zip64 field of the entry", name);
            if (id != Zip64Extra) continue;
            if (length == uint.MaxValue) length = body.UInt64();
            if (packed == uint.MaxValue) packed = body.UInt64();
            if (start == uint.MaxValue) start = body.UInt64();
            break;
        }

        return (length, packed, start);
    }

    private static ZipEntry Locate(
        SafeFileHandle file, string name, ReadOnlyMemory<byte> rawName, ulong start, ulong length, uint crc,
        long directoryStart)
    {
        ulong limit = (ulong)directoryStart;
        ulong headerLength = (ulong)(LocalLength + rawName.Length);
        if (start > limit || limit - start < headerLength)
            throw new PtFormatException(
                $"The entry {PtText.Quote(name)} claims to start beyond the archive's content.");

        var local = FileBytes.Cursor(file, (long)start, (int)headerLength, "The header of the entry", name);
        uint signature = local.UInt32();
        local.Skip(4);
        ushort method = local.UInt16();
        local.Skip(16);
        ushort nameLength = local.UInt16();
        ushort extraLength = local.UInt16();
        if (signature != LocalSignature || method != 0 || nameLength != rawName.Length
            || !local.Take(rawName.Length).SequenceEqual(rawName.Span))
            throw new PtFormatException(
                $"The entry {PtText.Quote(name)} and its local header contradict each other: the file is damaged.");

        ulong dataStart = start + headerLength + extraLength;
        if (dataStart > limit || limit - dataStart < length)
            throw new PtFormatException(
                $"The entry {PtText.Quote(name)} claims {length} bytes, more than the file holds there.");
        return new ZipEntry(name, (long)start, (long)dataStart, (long)length, crc);
    }

    private static void RefuseOverlaps(IEnumerable<ZipEntry> entries)
    {
        ZipEntry? before = null;
        foreach (ZipEntry entry in entries.OrderBy(entry => entry.Start))
        {
            if (before is not null && entry.Start < before.DataStart + before.Length)
                throw new PtFormatException(
                    $"The entries {PtText.Quote(before.Name)} and {PtText.Quote(entry.Name)} overlap: the file is "
                        + "damaged or forged.");
            before = entry;
        }
    }
}
