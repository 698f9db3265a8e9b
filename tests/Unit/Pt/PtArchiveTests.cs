using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Quorate.Pt;
using static Quorate.Unit.Pt.PtFixtures;

namespace Quorate.Unit.Pt;

/// <summary>Archives that are cut, damaged or forged.</summary>
public sealed class PtArchiveTests : IDisposable
{
    private static readonly byte[] Sound = Pickle.Bytes(Pickle.DictOf(
        Pickle.Tensor(Pickle.Storage(), 0, Pickle.Tuple(4), Pickle.Tuple(1))));

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("net.pt")]
    [InlineData("ours")]
    public void A_file_cut_at_any_byte_is_refused(string fixture)
    {
        byte[] whole = fixture == "ours" ? Ours() : File.ReadAllBytes(PathOf(fixture));
        for (int length = 0; length < whole.Length; length++) Refusal(whole.AsSpan(0, length));
    }

    [Fact]
    public void A_byte_after_the_archive_is_refused() => Refusal([.. Ours(), 0]);

    [Fact]
    public void A_file_that_is_cut_while_it_is_open_is_refused()
    {
        byte[] whole = Ours();
        string path = _folder.Write("a.pt", whole);
        using PtFile file = PtFile.Open(path);
        File.WriteAllBytes(path, whole[..700]);
        Assert.Contains(
            "it is cut off", Assert.Throws<PtFormatException>(file.VerifyStorages).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_reported() =>
        Assert.Throws<FileNotFoundException>(() => PtFile.Open(_folder.File("none.pt")));

    [Fact]
    public void A_changed_byte_in_a_storage_is_found()
    {
        byte[] bytes = Ours();
        string path = _folder.Write("a.pt", bytes);
        using (PtFile file = PtFile.Open(path)) bytes[file.Find("w")!.FileOffset + 5] ^= 1;
        using PtFile changed = PtFile.Open(_folder.Write("a.pt", bytes));
        PtFormatException found = Assert.Throws<PtFormatException>(changed.VerifyStorages);
        Assert.StartsWith("The entry 'archive/data/0' has CRC-32 ", found.Message, StringComparison.Ordinal);
        var reader = new PtTensorReader(changed, changed.Find("w")!);
        reader.Read(new byte[8]);
        Assert.Throws<PtFormatException>(() => reader.Read(new byte[8]));
    }

    [Theory]
    [InlineData("w")]
    [InlineData("n")] // An integer tensor: only its checksum is checked.
    public void Damage_that_looks_like_an_infinity_is_reported_as_damage(string tensor)
    {
        byte[] bytes = Ours();
        string path = _folder.Write("a.pt", bytes);
        long at;
        using (PtFile file = PtFile.Open(path)) at = file.Find(tensor)!.FileOffset;
        BitConverter.TryWriteBytes(bytes.AsSpan((int)at), float.PositiveInfinity);
        using PtFile changed = PtFile.Open(_folder.Write("a.pt", bytes));
        var damage = Assert.Throws<PtFormatException>(() => changed.FindNonFinite());
        Assert.Contains(" has CRC-32 ", damage.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compressed_entries_are_refused() =>
        Refused("is compressed", Pickle.Archive(Pickle.Records(Sound), CompressionLevel.SmallestSize));

    [Fact]
    public void Duplicate_entries_are_refused() => Refused(
        "The archive holds the entry 'a/data/0' twice.",
        Pickle.Archive([.. Pickle.Records(Sound), ("a/data/0", new byte[16])]));

    [Fact]
    public void Missing_entries_are_named()
    {
        (string Name, byte[] Content)[] records = Pickle.Records(Sound);
        Refused("one directory with a data.pkl", Pickle.Archive(records[1..]));
        Refused("lacks the entry 'a/version'", Pickle.Archive([records[0], records[2]]));
        Refused("lacks the entry 'a/data/0'", Pickle.Archive(records[..2]));
        Refused("one directory with a data.pkl", Pickle.Archive([]));
        Refused("one directory with a data.pkl", Pickle.Archive([.. records, ("b/data/1", [])]));
    }

    [Theory]
    [InlineData("version", "11", "the format version '11'")]
    [InlineData("version", "three", "the format version 'three'")]
    [InlineData("byteorder", "big", "byte order is 'big'")]
    [InlineData("version", "000000000000000000000000000000003", "33 bytes; at most 32")]
    public void An_unknown_version_or_byte_order_is_refused(string record, string content, string sentence)
    {
        IEnumerable<(string, byte[])> records = Pickle.Records(Sound).Where(entry => entry.Name != $"a/{record}")
            .Append(($"a/{record}", Encoding.ASCII.GetBytes(content)));
        Refused(sentence, Pickle.Archive(records));
    }

    // Offsets are those of the zip format's central header and end record.
    [Theory]
    [InlineData("a/data/0", 24, 17, "is compressed")] // its length, but not its packed length
    [InlineData("a/data/0", 42, 0, "contradict each other")] // it starts where another entry starts
    [InlineData("a/data/0", 42, 0x7fffffff, "beyond the archive's content")]
    [InlineData("a/data/0", 8, 1, "is encrypted")]
    [InlineData("a/data/0", 34, 1, "another disk")]
    [InlineData("a/data/0", 28, 9, "damaged")] // its name is one byte longer
    public void A_lying_directory_is_refused(string entry, int field, int value, string sentence)
    {
        byte[] bytes = Pickle.Archive(Pickle.Records(Sound));
        int at = Central(bytes, entry) + field;
        bytes[at] = (byte)value;
        if (field == 42) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value);
        Refused(sentence, bytes);
    }

    [Theory]
    [InlineData(1, "overlap")]
    [InlineData(100_000, "more than the file holds there")]
    public void An_entry_that_claims_the_bytes_of_others_is_refused(int more, string sentence)
    {
        byte[] bytes = Pickle.Archive(Pickle.Records(Sound));
        foreach (int field in new[] { 20, 24 })
        {
            Span<byte> length = bytes.AsSpan(Central(bytes, "a/data.pkl") + field);
            BinaryPrimitives.WriteInt32LittleEndian(length, BinaryPrimitives.ReadInt32LittleEndian(length) + more);
        }

        Refused(sentence, bytes);
    }

    [Theory]
    [InlineData(4, 1, "split over disks")]
    [InlineData(10, 60_000, "split over disks")] // entries in all, but not on this disk
    [InlineData(12, 1, "not where its end record says")]
    [InlineData(16, 1, "not where its end record says")]
    [InlineData(20, 1, "split over disks or carries a comment")]
    public void A_lying_end_record_is_refused(int field, ushort value, string sentence)
    {
        byte[] bytes = Pickle.Archive(Pickle.Records(Sound));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(bytes.Length - 22 + field), value);
        Refused(sentence, bytes);
    }

    [Fact]
    public void Too_many_entries_are_refused_before_memory_is_allocated()
    {
        byte[] bytes = Pickle.Archive(Pickle.Records(Sound));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 22 + 8), 60_000 | (60_000u << 16));
        Refused("claims 60000 entries", bytes);
    }

    /// <summary>
    /// PyTorch writes zip64 end records in files of every size. The numbers are offsets of the record's fields.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(20)]
    [InlineData(24)]
    [InlineData(32)]
    [InlineData(40)]
    [InlineData(48)]
    [InlineData(56 + 4)]
    [InlineData(56 + 8)]
    [InlineData(56 + 16)]
    public void A_lying_zip64_end_record_is_refused(int field)
    {
        byte[] bytes = File.ReadAllBytes(PathOf("net.pt"));
        bytes[bytes.Length - 22 - 20 - 56 + field] ^= 0x40;
        Refusal(bytes);
    }

    private static int Central(byte[] archive, string entry)
    {
        int name = archive.AsSpan().LastIndexOf(Encoding.ASCII.GetBytes(entry));
        return name - 46;
    }

    private static byte[] Ours() =>
        Write((Info("w", TensorType.Float32, 4), new byte[16]), (Info("n", TensorType.Int64), new byte[8]));

    private void Refused(string sentence, ReadOnlySpan<byte> file) =>
        Assert.Contains(sentence, Refusal(file), StringComparison.Ordinal);

    private string Refusal(ReadOnlySpan<byte> file)
    {
        string path = _folder.Write("a.pt", file);
        return Assert.Throws<PtFormatException>(() => PtFile.Open(path)).Message;
    }
}
