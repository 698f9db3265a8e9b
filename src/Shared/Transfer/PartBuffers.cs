using System.Buffers;

namespace Quorate.Shared.Transfer;

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
