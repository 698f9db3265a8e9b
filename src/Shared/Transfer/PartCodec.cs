using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer;

/// <summary>
/// The bytes of a <see cref="Part"/> over gRPC: those of the protobuf message quorate.v1.BlobPart, read into a pooled
/// buffer and written with one copy (docs/decisions says what that spares). Stricter than protobuf where that costs
/// nothing: no repeated field, no wrong wire type, no negative offset, and every size is checked before memory is
/// allocated for it. Unknown fields are skipped, up to <see cref="UnknownFieldsMax"/>.
/// </summary>
public static class PartCodec
{
    /// <summary>Bytes of the header: two ids, a hash, numbers and 16 metrics stay below 2,000.</summary>
    public const int HeaderBytesMax = 4096;

    /// <summary>
    /// The most bytes of a message: data, header, and room for fields of a later version.
    /// </summary>
    public const int MessageBytesMax = Part.BytesMax + 16 * 1024;

    /// <summary>Fields of a later version that are skipped before the message counts as damaged.</summary>
    public const int UnknownFieldsMax = 64;

    private const uint HeaderTag = 1 << 3 | 2, OffsetTag = 2 << 3, ChecksumTag = 3 << 3 | 5, DataTag = 4 << 3 | 2;

    public static Marshaller<Part> Marshaller { get; } = Marshallers.Create<Part>(
        (part, context) =>
        {
            context.SetPayloadLength(SizeOf(part));
            Write(part, context.GetBufferWriter());
            context.Complete();
        },
        context => Read(context.PayloadAsReadOnlySequence()));

    /// <summary>Bytes that <see cref="Write"/> writes.</summary>
    public static int SizeOf(Part part)
    {
        int size = 0;
        if (part.Header is { } header) size += Delimited(header.CalculateSize());
        if (part.Offset != 0) size += 1 + CodedOutputStream.ComputeInt64Size(part.Offset);
        if (part.Checksum != 0) size += 1 + sizeof(uint);
        if (part.Length != 0) size += Delimited(part.Length);
        return size;

        static int Delimited(int length) => 1 + CodedOutputStream.ComputeLengthSize(length) + length;
    }

    public static void Write(Part part, IBufferWriter<byte> output)
    {
        if (part.Header is { } header)
        {
            WriteVarint(output, HeaderTag, (ulong)header.CalculateSize());
            header.WriteTo(output);
        }
        if (part.Offset != 0) WriteVarint(output, OffsetTag, (ulong)part.Offset);
        if (part.Checksum != 0)
        {
            var span = output.GetSpan(1 + sizeof(uint));
            span[0] = (byte)ChecksumTag;
            BinaryPrimitives.WriteUInt32LittleEndian(span[1..], part.Checksum);
            output.Advance(1 + sizeof(uint));
        }
        if (part.Length == 0) return;
        WriteVarint(output, DataTag, (ulong)part.Length);
        output.Write(part.Data.Span);
    }

    /// <exception cref="InvalidDataException">Not a part, or one beyond the limits.</exception>
    public static Part Read(in ReadOnlySequence<byte> message)
    {
        if (message.Length > MessageBytesMax) throw Damaged(
            $"has a length of {message.Length} bytes, more than {MessageBytesMax}");
        var reader = new SequenceReader<byte>(message);
        UploadHeader? header = null;
        ReadOnlySequence<byte> data = default;
        long offset = 0;
        int checksum = 0, seen = 0, unknown = 0;
        while (!reader.End)
        {
            ulong tag = ReadVarint(ref reader);
            int field = tag is HeaderTag or OffsetTag or ChecksumTag or DataTag ? 1 << (int)(tag >> 3) : 0;
            if ((seen & field) != 0) throw Damaged($"repeats field {tag >> 3}");
            seen |= field;
            switch (tag)
            {
                case HeaderTag: header = ReadHeader(ReadDelimited(ref reader, HeaderBytesMax)); break;
                case OffsetTag when (offset = (long)ReadVarint(ref reader)) >= 0: break;
                case OffsetTag: throw Damaged("has a negative offset");
                case ChecksumTag when reader.TryReadLittleEndian(out checksum): break;
                case ChecksumTag: throw Damaged("ends too early");
                case DataTag: data = ReadDelimited(ref reader, Part.BytesMax); break;
                default:
                    if (++unknown > UnknownFieldsMax) throw Damaged($"has more than {UnknownFieldsMax} unknown fields");
                    Skip(ref reader, tag);
                    break;
            }
        }
        var part = Part.Rent((int)data.Length);
        data.CopyTo(part.Room.Span);
        part.Header = header;
        part.Describe(offset, (int)data.Length, (uint)checksum);
        return part;
    }

    private static void WriteVarint(IBufferWriter<byte> output, uint tag, ulong value)
    {
        var span = output.GetSpan(11);
        int count = 0;
        span[count++] = (byte)tag;
        for (; value >= 0x80; value >>= 7) span[count++] = (byte)(value | 0x80);
        span[count++] = (byte)value;
        output.Advance(count);
    }

    private static ulong ReadVarint(ref SequenceReader<byte> reader)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (!reader.TryRead(out byte next)) throw Damaged("ends too early");
            if (shift == 63 && next > 1) break;
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }
        throw Damaged("has a number of more than 64 bits");
    }

    private static ReadOnlySequence<byte> ReadDelimited(ref SequenceReader<byte> reader, int limit)
    {
        ulong length = ReadVarint(ref reader);
        if (length > (ulong)limit) throw Damaged($"has a field of {length} bytes, more than {limit}");
        return reader.TryReadExact((int)length, out var bytes) ? bytes : throw Damaged("ends too early");
    }

    private static UploadHeader ReadHeader(ReadOnlySequence<byte> bytes)
    {
        try
        {
            return UploadHeader.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException("A part's header is damaged: " + e.Message, e);
        }
    }

    private static void Skip(ref SequenceReader<byte> reader, ulong tag)
    {
        if (tag > uint.MaxValue || tag >> 3 <= 4) throw Damaged($"has a field that no version knows (tag {tag})");
        switch (tag & 7)
        {
            case 0: ReadVarint(ref reader); break;
            case 1 when reader.Remaining >= 8: reader.Advance(8); break;
            case 2: ReadDelimited(ref reader, MessageBytesMax); break;
            case 5 when reader.Remaining >= 4: reader.Advance(4); break;
            default: throw Damaged("ends too early or uses groups");
        }
    }

    private static InvalidDataException Damaged(string what) => new($"A part's message {what}.");
}
