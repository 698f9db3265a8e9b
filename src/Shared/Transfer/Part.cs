using System.Buffers;
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
    /// not told: its server has a race there (docs/FAULTS.md), by which a response that ends while the client's window
    /// is full can leave the connection's next response unsent forever.
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

/// <summary>
/// Buffers for parts and the heads around them, kept for the next part.
///
/// The framework's shared pool keeps 32 per core. With a hundred uploads, their relays and downloads at the same time,
/// further buffers came from the large object heap, which is collected seldom and grew by megabytes a second. The
/// shared pool also keeps one buffer for each thread that returned one. And all its sizes are powers of two, so a part
/// of 128 KiB with its heads would take 256 KiB.
/// </summary>
internal static class PartBuffers
{
    /// <summary>Room for heads and for the messages that are sent with a part.</summary>
    private const int Beside = 4 << 10;

    /// <summary>Small blobs have small parts.</summary>
    private const int SmallMax = 64 << 10;

    /// <summary>Buffers kept of each size: at most 65 MiB of the largest.</summary>
    private const int KeptMax = 256;

    private static readonly ArrayPool<byte> _small = ArrayPool<byte>.Create(SmallMax, KeptMax);
    private static readonly Shelf _usual = new(Part.BytesUsual + Beside), _large = new(Part.BytesOfLarge + Beside);

    /// <summary>A buffer of at least this many bytes, not cleared.</summary>
    public static byte[] Rent(int bytes) =>
        bytes <= SmallMax ? _small.Rent(bytes)
        : bytes <= _usual.Bytes ? _usual.Rent()
        : bytes <= _large.Bytes ? _large.Rent()
        : ArrayPool<byte>.Shared.Rent(bytes);

    /// <summary>Takes back a buffer of <see cref="Rent"/>.</summary>
    public static void Return(byte[] buffer)
    {
        if (buffer.Length <= SmallMax) _small.Return(buffer);
        else if (buffer.Length == _usual.Bytes) _usual.Return(buffer);
        else if (buffer.Length == _large.Bytes) _large.Return(buffer);
        else ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>Buffers of one size. The last one returned is the next one rented: it is still in the cache.</summary>
    private sealed class Shelf(int bytes)
    {
        private readonly Lock _gate = new();
        private readonly byte[][] _kept = new byte[KeptMax][];
        private int _count;

        public int Bytes => bytes;

        public byte[] Rent()
        {
            lock (_gate)
                if (_count > 0) return _kept[--_count];
            return GC.AllocateUninitializedArray<byte>(bytes);
        }

        public void Return(byte[] buffer)
        {
            lock (_gate)
                if (_count < KeptMax) _kept[_count++] = buffer;
        }
    }
}
