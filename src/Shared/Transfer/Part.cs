using Quorate.Pt;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Shared.Transfer;

/// <summary>
/// A piece of a blob in transfer, with its bytes in a pooled buffer. Dispose returns the buffer; the data must not be
/// used after that. The same message as <see cref="BlobPart"/>, without its allocations.
/// </summary>
public sealed class Part : IDisposable
{
    /// <summary>
    /// The most data a part carries (transfer.proto). A receiver takes a buffer before the bytes arrive, so this times
    /// the number of transfers is what half-sent parts can hold.
    /// </summary>
    public const int BytesMax = BytesOfLarge;

    /// <summary>
    /// The data that our programs put in a part. Every stream holds one: with twice as much, fifty updates of 4.8 MB
    /// took 20 MB more in the leader, and no less time. A power of two of pages, so that the kernel caches each part of
    /// a file as one piece: with 124 KiB, writing one took a third more time.
    /// </summary>
    public const int BytesUsual = 128 * 1024;

    /// <summary>
    /// The same for a large blob. Each part costs a kernel call and a wake-up on both sides: with half as much, five
    /// updates of 46.8 MB took 11 % more processor time.
    /// </summary>
    public const int BytesOfLarge = 256 * 1024;

    private const long LargeBlobBytes = 16 << 20;

    private byte[]? _buffer;

    private Part(byte[] buffer) => _buffer = buffer;

    /// <summary>What is being sent. Only the first part of an upload or a put has one.</summary>
    public UploadHeader? Header { get; set; }

    /// <summary>
    /// Only the end of the stream follows, at once: a weight stream sends both together. Not on the wire, and gRPC is
    /// not told: its server has a race there (docs/FAULTS.md), by which a response that ends while the client's window is
    /// full can leave the connection's next response unsent forever.
    /// </summary>
    public bool Last { get; set; }

    /// <summary>The offset of the first byte of <see cref="Data"/> in the blob.</summary>
    public long Offset { get; private set; }

    /// <summary>The CRC-32 that came with the data, or that <see cref="Fill"/> computed.</summary>
    public uint Checksum { get; private set; }

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Data => Buffer.AsMemory(Frame.HeadBytes, Length);

    /// <summary>Room for data: at least the capacity that was rented.</summary>
    public Memory<byte> Room => Buffer.AsMemory(Frame.HeadBytes);

    /// <summary>Whether the data is what the sender checksummed.</summary>
    public bool Intact => WideCrc32.Of(Data.Span) == Checksum;

    private byte[] Buffer => _buffer ?? throw new ObjectDisposedException(nameof(Part));

    /// <summary>
    /// An empty part with room for <paramref name="capacity"/> bytes, 0 to <see cref="BytesMax"/>, and behind them for
    /// the head of the next frame, which may arrive with them.
    /// </summary>
    public static Part Rent(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, BytesMax);
        return new Part(PartBuffers.Rent(Frame.HeadBytes + capacity + Frame.HeadBytes));
    }

    /// <summary>How much data to put in each part of a blob of <paramref name="blob"/> bytes.</summary>
    public static int BytesOf(long blob) => blob < LargeBlobBytes ? BytesUsual : BytesOfLarge;

    /// <summary>
    /// Declares the first <paramref name="length"/> bytes of the room to be the blob's bytes at
    /// <paramref name="offset"/>.
    /// </summary>
    public void Fill(long offset, int length)
    {
        Describe(offset, length, WideCrc32.Of(Room.Span[..length]));
    }

    /// <summary>The part as a frame of a weight stream. The head is in the buffer, right before the data.</summary>
    internal ReadOnlyMemory<byte> ToFrame()
    {
        new Frame(FrameKind.Part, Length, Offset, Checksum).Write(Buffer);
        return Buffer.AsMemory(0, Frame.HeadBytes + Length);
    }

    internal void Describe(long offset, int length, uint checksum)
    {
        (Offset, Length, Checksum) = (offset, length, checksum);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _buffer, null) is { } buffer) PartBuffers.Return(buffer);
    }
}
