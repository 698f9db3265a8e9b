using System.Buffers;

namespace Quorate.Shared.Transfer;

/// <summary>
/// Buffers for parts and the heads around them, kept for the next part.
///
/// The framework's shared pool keeps 32 a core. With a hundred uploads, their relays and the downloads under way the
/// others came from the heap of large objects, which grew by megabytes a second, as it is collected seldom; and the
/// shared pool keeps one for each thread that gave one back. All its pools give powers of two, so that a part of 128
/// KiB with its heads would take 256 KiB.
/// </summary>
internal static class PartBuffers
{
    /// <summary>What a buffer has room for besides data: heads, and the messages that go out with a part.</summary>
    private const int Beside = 4 << 10;

    /// <summary>Parts of small blobs are small.</summary>
    private const int SmallMax = 64 << 10;

    /// <summary>Buffers of each size that are kept: of the largest 65 MiB at the most.</summary>
    private const int KeptMax = 256;

    private static readonly ArrayPool<byte> _small = ArrayPool<byte>.Create(SmallMax, KeptMax);
    private static readonly Shelf _usual = new(Part.BytesUsual + Beside), _large = new(Part.BytesOfLarge + Beside);

    /// <summary>A buffer of so many bytes or more, with whatever was in it.</summary>
    public static byte[] Rent(int bytes) =>
        bytes <= SmallMax ? _small.Rent(bytes)
        : bytes <= _usual.Bytes ? _usual.Rent()
        : bytes <= _large.Bytes ? _large.Rent()
        : ArrayPool<byte>.Shared.Rent(bytes);

    /// <summary>Takes back what <see cref="Rent"/> gave.</summary>
    public static void Return(byte[] buffer)
    {
        if (buffer.Length <= SmallMax) _small.Return(buffer);
        else if (buffer.Length == _usual.Bytes) _usual.Return(buffer);
        else if (buffer.Length == _large.Bytes) _large.Return(buffer);
        else ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>Buffers of one size. The last that came back is the next to go: it is still in the cache.</summary>
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
