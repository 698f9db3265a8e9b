using System.Buffers;
using System.IO.Pipelines;
using Google.Protobuf;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>
/// Reads and writes frames on one connection. One reader and one writer at a time; a part's bytes are copied once on
/// their way in and not at all on their way out.
/// </summary>
internal sealed class FramePipe(IDuplexPipe pipe)
{
    /// <summary>The next frame's head; null: the other side closed, between two frames.</summary>
    /// <exception cref="InvalidDataException">Not this protocol, or closed inside a frame.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public async ValueTask<Frame?> ReadHeadAsync(CancellationToken token)
    {
        if (await FillAsync(Frame.HeadBytes, token) is not { } buffer) return null;
        var frame = ReadHead(buffer.Slice(0, Frame.HeadBytes));
        pipe.Input.AdvanceTo(buffer.GetPosition(Frame.HeadBytes));
        return frame;
    }

    /// <summary>The payload of a frame that is a part. Damaged or not: the part's own check tells.</summary>
    public async ValueTask<Part> ReadPartAsync(Frame frame, CancellationToken token)
    {
        var part = Part.Rent(frame.Length);
        bool read = false;
        try
        {
            if (frame.Length > 0)
            {
                var buffer = await FillAsync(frame.Length, token) ?? throw Cut();
                buffer.Slice(0, frame.Length).CopyTo(part.Room.Span);
                pipe.Input.AdvanceTo(buffer.GetPosition(frame.Length));
            }
            part.Describe(frame.Offset, frame.Length, frame.Checksum);
            read = true;
            return part;
        }
        finally
        {
            if (!read) part.Dispose();
        }
    }

    /// <summary>The payload of a frame that is a message.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public async ValueTask<T> ReadMessageAsync<T>(Frame frame, MessageParser<T> parser, CancellationToken token)
        where T : IMessage<T>
    {
        var buffer = frame.Length == 0
            ? ReadOnlySequence<byte>.Empty
            : (await FillAsync(frame.Length, token) ?? throw Cut()).Slice(0, frame.Length);
        try
        {
            var crc = frame.Seal();
            foreach (var piece in buffer) crc.Append(piece.Span);
            if (crc.GetCurrentHashAsUInt32() != frame.Checksum)
                throw new InvalidDataException($"A {frame.Kind} frame is damaged (CRC-32).");
            return parser.ParseFrom(buffer);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"A {frame.Kind} frame is no message: {e.Message}", e);
        }
        finally
        {
            if (frame.Length > 0) pipe.Input.AdvanceTo(buffer.End);
        }
    }

    /// <summary>Takes a part's payload in and forgets it.</summary>
    public async ValueTask SkipAsync(Frame frame, CancellationToken token)
    {
        for (long left = frame.Length; left > 0;)
        {
            var buffer = await FillAsync(1, token) ?? throw Cut();
            long count = Math.Min(left, buffer.Length);
            pipe.Input.AdvanceTo(buffer.GetPosition(count));
            left -= count;
        }
    }

    public void Append(FrameKind kind, IMessage? message = null, long offset = 0)
    {
        int length = message?.CalculateSize() ?? 0;
        var span = pipe.Output.GetSpan(Frame.HeadBytes + length)[..(Frame.HeadBytes + length)];
        message?.WriteTo(span[Frame.HeadBytes..]);
        var frame = new Frame(kind, length, offset, Checksum: 0);
        var crc = frame.Seal();
        crc.Append(span[Frame.HeadBytes..]);
        (frame with { Checksum = crc.GetCurrentHashAsUInt32() }).Write(span);
        pipe.Output.Advance(span.Length);
    }

    /// <summary>Sends what was appended, and then the part where there is one.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public async ValueTask SendAsync(Part? part, CancellationToken token)
    {
        var result = part is null
            ? await pipe.Output.FlushAsync(token)
            : await pipe.Output.WriteAsync(part.ToFrame(), token);
        if (result.IsCompleted) throw new IOException("The other side closed the connection.");
    }

    /// <summary>At least <paramref name="count"/> bytes; null: the stream ended before the first of them.</summary>
    private async ValueTask<ReadOnlySequence<byte>?> FillAsync(int count, CancellationToken token)
    {
        var result = await pipe.Input.ReadAtLeastAsync(count, token);
        if (result.Buffer.Length >= count) return result.Buffer;
        bool inside = result.Buffer.Length > 0;
        pipe.Input.AdvanceTo(result.Buffer.End);
        return inside ? throw Cut() : null;
    }

    private static Frame ReadHead(ReadOnlySequence<byte> bytes)
    {
        Span<byte> head = stackalloc byte[Frame.HeadBytes];
        bytes.CopyTo(head);
        return Frame.Read(head);
    }

    private static InvalidDataException Cut() => new("The connection ended inside a frame.");
}
