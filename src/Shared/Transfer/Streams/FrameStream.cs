using System.Buffers;
using Google.Protobuf;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>
/// Reads and writes frames on one connection, with one reader and one writer at a time. A part's bytes are read
/// straight into the part, together with the next frame's head if that has arrived: one kernel call per part. They
/// are written straight from the part; small frames are written together with the next one.
/// Invariant: nothing is written behind a frame that may have been sent only in part.
/// </summary>
internal sealed class FrameStream(Stream stream)
{
    private readonly byte[] _ahead = new byte[Frame.HeadBytes];
    private int _aheadCount;
    private byte[] _pending = [];
    private int _pendingCount;
    private bool _cut;

    /// <summary>The next frame's head. Null: the other side closed the connection between two frames.</summary>
    /// <exception cref="InvalidDataException">Not this protocol, or closed inside a frame.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public async ValueTask<Frame?> ReadHeadAsync(CancellationToken token)
    {
        int missing = Frame.HeadBytes - _aheadCount;
        if (missing > 0)
            _aheadCount += await stream.ReadAtLeastAsync(_ahead.AsMemory(_aheadCount), missing, false, token);
        if (_aheadCount == 0) return null;
        if (_aheadCount < Frame.HeadBytes) throw Cut();
        _aheadCount = 0;
        return Frame.Read(_ahead);
    }

    /// <summary>The payload of a part. It may be damaged: the part's own checksum tells.</summary>
    public async ValueTask<Part> ReadPartAsync(Frame frame, CancellationToken token)
    {
        var part = Part.Rent(frame.Length);
        bool read = false;
        try
        {
            var room = part.Room[..(frame.Length + Frame.HeadBytes)];
            int count = frame.Length == 0 ? 0 : await stream.ReadAtLeastAsync(room, frame.Length, false, token);
            if (count < frame.Length) throw Cut();
            room[frame.Length..count].CopyTo(_ahead);
            _aheadCount = count - frame.Length;
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
        byte[] buffer = ArrayPool<byte>.Shared.Rent(frame.Length);
        try
        {
            var bytes = buffer.AsMemory(0, frame.Length);
            if (await stream.ReadAtLeastAsync(bytes, frame.Length, false, token) < frame.Length) throw Cut();
            var crc = frame.Seal();
            crc.Append(bytes.Span);
            if (crc.GetCurrentHashAsUInt32() != frame.Checksum)
                throw new InvalidDataException($"A {frame.Kind} frame is damaged (CRC-32).");
            return parser.ParseFrom(bytes.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"A {frame.Kind} frame is not a message: {e.Message}", e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads a payload and drops it.</summary>
    public async ValueTask SkipAsync(Frame frame, CancellationToken token) =>
        (await ReadPartAsync(frame, token)).Dispose();

    /// <summary>Is sent with the next flush or part.</summary>
    public void Append(FrameKind kind, IMessage? message = null, long offset = 0)
    {
        int length = message?.CalculateSize() ?? 0;
        var span = Pend(Frame.HeadBytes + length);
        message?.WriteTo(span[Frame.HeadBytes..]);
        var frame = new Frame(kind, length, offset, Checksum: 0);
        var crc = frame.Seal();
        crc.Append(span[Frame.HeadBytes..]);
        (frame with { Checksum = crc.GetCurrentHashAsUInt32() }).Write(span);
    }

    /// <summary>Is sent before everything else.</summary>
    public void AppendPreface() => Frame.Preface.CopyTo(Pend(Frame.Preface.Length));

    /// <summary>
    /// Sends a part, after the appended frames. The last one waits for the end, which follows at once.
    /// </summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public async ValueTask SendAsync(Part part, CancellationToken token)
    {
        var frame = part.ToFrame();
        if (_pendingCount == 0 && !part.Last)
        {
            await WriteAsync(frame, token);
            return;
        }
        frame.Span.CopyTo(Pend(frame.Length));
        if (!part.Last) await FlushAsync(token);
    }

    /// <summary>Sends the appended frames.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public async ValueTask FlushAsync(CancellationToken token)
    {
        byte[] pending = _pending;
        int count = _pendingCount;
        (_pending, _pendingCount) = ([], 0);
        if (count > 0) await WriteAsync(pending.AsMemory(0, count), token);
        if (pending.Length > 0) PartBuffers.Return(pending);
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken token)
    {
        if (_cut) throw new IOException("An earlier frame was cut.");
        _cut = true;
        await stream.WriteAsync(bytes, token);
        _cut = false;
    }

    private Span<byte> Pend(int count)
    {
        if (_pendingCount + count > _pending.Length)
        {
            byte[] wider = PartBuffers.Rent(_pendingCount + count);
            _pending.AsSpan(0, _pendingCount).CopyTo(wider);
            if (_pending.Length > 0) PartBuffers.Return(_pending);
            _pending = wider;
        }
        _pendingCount += count;
        return _pending.AsSpan(_pendingCount - count, count);
    }

    private static InvalidDataException Cut() => new("The connection ended inside a frame.");
}
