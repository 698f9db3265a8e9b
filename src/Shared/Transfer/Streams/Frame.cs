using System.Buffers.Binary;
using System.IO.Hashing;
using Grpc.Core;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>What a frame is; the first byte of its head.</summary>
internal enum FrameKind : byte
{
    /// <summary>Opens a call. Head's offset: the <see cref="StreamMethod"/>. Payload: its request or header.</summary>
    Call = 1,

    /// <summary>A piece of the blob. Payload: its bytes, at most <see cref="Part.BytesMax"/>.</summary>
    Part = 2,

    /// <summary>The sender has no more parts. No payload.</summary>
    End = 3,

    /// <summary>The receiver's answer, a VerdictReply. It may arrive before the sender's End.</summary>
    Verdict = 4,

    /// <summary>The call failed: a StreamFault. Ends the call on the server's side.</summary>
    Fault = 5,
}

/// <summary>The calls that carry weights, by their numbers on the wire.</summary>
internal enum StreamMethod : long
{
    Download = 1,
    Upload = 2,
    PutBlob = 3,
}

/// <summary>
/// The head of every frame on a weight stream, 20 bytes, little endian:
/// <code>
/// 0  kind      1 byte, then 3 bytes of zero
/// 4  length    4 bytes: of the payload that follows
/// 8  offset    8 bytes: of a part's first byte in its blob; of a call, which method; otherwise 0
/// 16 checksum  4 bytes: CRC-32 (IEEE 802.3) of a part's payload; of others, of the 16 bytes before and the payload
/// </code>
/// A connection starts with <see cref="Preface"/>, which no HTTP client sends, so both share one port. Calls follow,
/// one after another: the client's Call; parts and an End from the side that has the blob; the server's Verdict
/// (uploads), End (downloads) or Fault.
/// </summary>
internal readonly record struct Frame(FrameKind Kind, int Length, long Offset, uint Checksum)
{
    public const int HeadBytes = 20;

    /// <summary>The most bytes of a payload other than a part. A header and a sentence stay far below.</summary>
    public const int MessageBytesMax = 16 * 1024;

    public static ReadOnlySpan<byte> Preface => "QUORATE1"u8;

    public void Write(Span<byte> head)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(head, (uint)Kind);
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], Length);
        BinaryPrimitives.WriteInt64LittleEndian(head[8..], Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(head[16..], Checksum);
    }

    /// <summary>
    /// The checksum of a message so far: its head. Upload and PutBlob differ by one bit, and so do a fault and a
    /// verdict; flipped unnoticed, it would turn a stored blob, or an error, into an accepted update.
    /// </summary>
    public Crc32 Seal()
    {
        Span<byte> head = stackalloc byte[HeadBytes];
        Write(head);
        var crc = new Crc32();
        crc.Append(head[..16]);
        return crc;
    }

    /// <exception cref="InvalidDataException">Not a frame of this protocol, or one beyond its limits.</exception>
    public static Frame Read(ReadOnlySpan<byte> head)
    {
        uint kind = BinaryPrimitives.ReadUInt32LittleEndian(head);
        var frame = new Frame(
            (FrameKind)kind, BinaryPrimitives.ReadInt32LittleEndian(head[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(head[8..]), BinaryPrimitives.ReadUInt32LittleEndian(head[16..]));
        int most = frame.Kind switch
        {
            FrameKind.Part => Part.BytesMax,
            FrameKind.Call or FrameKind.Verdict or FrameKind.Fault => MessageBytesMax,
            FrameKind.End => 0,
            _ => -1,
        };
        if (kind > byte.MaxValue || most < 0) throw new InvalidDataException($"A frame's kind is {kind}.");
        if (frame.Length < 0 || frame.Length > most || frame.Offset < 0) throw new InvalidDataException(
            $"A {frame.Kind} frame has {PlainText.Count(frame.Length, "byte")} at {frame.Offset}; "
            + $"it may have 0 to {most}.");
        return frame;
    }
}

/// <summary>
/// Incoming parts, as gRPC services and clients read them. They end with the sender's End; a Fault in their place is
/// thrown as an RpcException.
/// </summary>
internal sealed class FrameParts(FrameStream frames, UploadHeader? header = null) : IAsyncStreamReader<Part>
{
    private UploadHeader? _header = header;
    private Part? _current;

    /// <summary>All parts were read; the next call may follow.</summary>
    public bool Ended { get; private set; }

    public Part Current => _current ?? throw new InvalidOperationException("No part was read yet.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (Ended) return false;
        var frame = await frames.ReadHeadAsync(cancellationToken)
            ?? throw new InvalidDataException("The connection ended before the parts did.");
        switch (frame.Kind)
        {
            case FrameKind.Part:
                _current = await frames.ReadPartAsync(frame, cancellationToken);
                (_current.Header, _header) = (_header, null);
                return true;
            case FrameKind.End:
                Ended = true;
                return false;
            case FrameKind.Fault:
                Ended = true;
                throw (await frames.ReadMessageAsync(frame, StreamFault.Parser, cancellationToken)).ToException();
            default:
                throw new InvalidDataException($"A {frame.Kind} frame came in the place of a part.");
        }
    }

    /// <summary>Reads and drops the remaining parts, so that the connection can serve the next call.</summary>
    public async Task DrainAsync(CancellationToken token)
    {
        while (!Ended)
        {
            switch (await frames.ReadHeadAsync(token))
            {
                case { Kind: FrameKind.Part } part: await frames.SkipAsync(part, token); break;
                case { Kind: FrameKind.End }: Ended = true; break;
                case { } other: throw new InvalidDataException($"A {other.Kind} frame came in the place of a part.");
                case null: throw new InvalidDataException("The connection ended before the parts did.");
            }
        }
    }
}
