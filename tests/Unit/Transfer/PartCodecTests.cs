using System.Buffers;
using Google.Protobuf;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Unit.Fuzz;

namespace Quorate.Unit.Transfer;

public sealed class PartCodecTests
{
    /// <summary>Why the pooled codec stays on the gRPC path: docs/decisions/035.</summary>
    [Fact]
    public void Reading_a_part_allocates_none_of_its_data_and_the_generated_message_allocates_all_of_it()
    {
        using var part = Part.Rent(Part.BytesUsual);
        part.Fill(0, Part.BytesUsual);
        var wire = new ArrayBufferWriter<byte>();
        PartCodec.Write(part, wire);
        var message = new ReadOnlySequence<byte>(wire.WrittenMemory);

        long pooled = Allocated(() => PartCodec.Read(message).Dispose());
        long generated = Allocated(() => BlobPart.Parser.ParseFrom(message));

        Assert.InRange(pooled, 0, 1_000);
        Assert.InRange(generated, Part.BytesUsual, long.MaxValue);

        static long Allocated(Action read)
        {
            read();
            long before = GC.GetAllocatedBytesForCurrentThread();
            read();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    private static readonly UploadHeader _header = new()
    {
        Blob = ByteString.CopyFrom(new byte[32]),
        Length = 123_456_789,
        Update = new UpdateFacts { Run = "mnist", Round = 7, Trainer = "t-1", Incarnation = 99, Examples = 12_000,
            Metrics = { ["loss"] = double.NaN } },
    };

    public static TheoryData<bool, long, int> Shapes() => new()
    {
        { true, 0, 0 }, { true, 0, 1 }, { false, 1, 127 }, { false, 300, 128 }, { true, long.MaxValue, 1000 },
            { false, 1 << 20, Part.BytesMax },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Protobuf_reads_what_we_write_and_writes_the_same(bool header, long offset, int length)
    {
        using var part = Sample(header, offset, length);
        byte[] bytes = Write(part);
        Assert.Equal(PartCodec.SizeOf(part), bytes.Length);
        var wire = BlobPart.Parser.ParseFrom(bytes);
        Assert.Equal(ToWire(part), wire);
        Assert.Equal(wire.ToByteArray(), bytes);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void We_read_what_protobuf_writes_in_one_piece_or_in_many(bool header, long offset, int length)
    {
        using var part = Sample(header, offset, length);
        var wire = ToWire(part);
        byte[] bytes = wire.ToByteArray();
        foreach (var sequence in new[] { new ReadOnlySequence<byte>(bytes), Cut(bytes, 3), Cut(bytes, 4096) })
        {
            using var read = PartCodec.Read(sequence);
            Assert.Equal(wire, ToWire(read));
            Assert.True(read.Intact);
        }
    }

    [Fact]
    public void Fields_of_a_later_version_are_skipped_up_to_a_limit()
    {
        byte[] known = new BlobPart { Offset = 5 }.ToByteArray();
        byte[] later = [9 << 3, 42, 10 << 3 | 1, .. new byte[8], 11 << 3 | 2, 2, 0, 0, 12 << 3 | 5, .. new byte[4]];
        using var part = PartCodec.Read(new ReadOnlySequence<byte>([.. later, .. known]));
        Assert.Equal(5, part.Offset);

        byte[] many = [.. Enumerable.Repeat<byte[]>([9 << 3, 1], PartCodec.UnknownFieldsMax + 1).SelectMany(f => f)];
        Assert.Throws<InvalidDataException>(() => PartCodec.Read(new ReadOnlySequence<byte>(many)));
    }

    [Theory]
    [InlineData("data longer than the message", new byte[] { 0x22, 0x80, 0x80, 0x40 })]
    [InlineData("data of 2 GiB", new byte[] { 0x22, 0xFF, 0xFF, 0xFF, 0xFF, 0x07 })]
    [InlineData("a negative offset", new byte[] { 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 })]
    [InlineData("a varint of eleven bytes", new byte[] { 0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0x01 })]
    [InlineData("a repeated offset", new byte[] { 0x10, 0x01, 0x10, 0x02 })]
    [InlineData("a truncated checksum", new byte[] { 0x1D, 0x01, 0x02 })]
    [InlineData("the wrong wire type", new byte[] { 0x20, 0x01 })]
    [InlineData("a group", new byte[] { 0x4B, 0x4C })]
    [InlineData("field zero", new byte[] { 0x02, 0x00 })]
    [InlineData("a header that is none", new byte[] { 0x0A, 0x02, 0x0A, 0x7F })]
    public void Nonsense_is_refused(string what, byte[] bytes)
    {
        Assert.NotEmpty(what);
        Assert.Throws<InvalidDataException>(() => PartCodec.Read(new ReadOnlySequence<byte>(bytes)));
    }

    [Fact]
    public void A_message_beyond_the_limit_is_refused_before_it_is_parsed()
    {
        byte[] bytes = new byte[PartCodec.MessageBytesMax + 1];
        Assert.Throws<InvalidDataException>(() => PartCodec.Read(new ReadOnlySequence<byte>(bytes)));
    }

    [Fact]
    public void Mutated_messages_are_read_as_protobuf_reads_them_or_refused()
    {
        var random = new Random(20261122);
        using var sample = Sample(true, 70_000, 300);
        byte[] good = Write(sample);
        int accepted = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < FuzzInputs.Count; i++)
        {
            byte[] bytes = good[..random.Next(good.Length + 1)];
            if (i % 3 == 0) bytes = [.. good];
            for (int flips = random.Next(4); flips > 0 && bytes.Length > 0; flips--)
                bytes[random.Next(random.Next(2) == 0 ? bytes.Length : Math.Min(bytes.Length, 90))] = (byte)random.Next(
                    256);
            try
            {
                using var part = PartCodec.Read(new ReadOnlySequence<byte>(bytes));
                Assert.Equal(BlobPart.Parser.WithDiscardUnknownFields(true).ParseFrom(bytes), Discarded(part));
                accepted++;
            }
            catch (InvalidDataException)
            {
                // A refusal is fine.
            }
        }
        Assert.InRange(accepted, FuzzInputs.Count / 10, FuzzInputs.Count * 9 / 10);
        // About 10 kB an input with comparison and exceptions; trusting a single false size would take a megabyte.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, FuzzInputs.Count * 20_000L);
    }

    private static BlobPart Discarded(Part part)
    {
        var wire = ToWire(part);
        return BlobPart.Parser.WithDiscardUnknownFields(true).ParseFrom(wire.ToByteArray());
    }

    private static Part Sample(bool header, long offset, int length)
    {
        var part = Part.Rent(length);
        new Random(length).NextBytes(part.Room.Span[..length]);
        part.Fill(offset, length);
        if (header) part.Header = _header;
        return part;
    }

    private static BlobPart ToWire(Part part) => new()
    {
        Header = part.Header, Offset = part.Offset, Crc32 = part.Checksum, Data = ByteString.CopyFrom(part.Data.Span),
    };

    private static byte[] Write(Part part)
    {
        var output = new ArrayBufferWriter<byte>();
        PartCodec.Write(part, output);
        return output.WrittenSpan.ToArray();
    }

    private static ReadOnlySequence<byte> Cut(byte[] bytes, int size)
    {
        var first = new Segment(bytes.AsMemory(0, Math.Min(size, bytes.Length)));
        var last = first;
        for (int at = size; at < bytes.Length; at += size) last = last.Then(
            bytes.AsMemory(at, Math.Min(size, bytes.Length - at)));
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory) => Memory = memory;

        public Segment Then(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory) { RunningIndex = RunningIndex + Memory.Length };
            Next = next;
            return next;
        }
    }
}
