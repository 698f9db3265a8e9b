using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// The buffers that Kestrel receives into and sends from, <see cref="BlockBytes"/> each. Its own pool has blocks of 4
/// KiB, so that a megabyte costs 256 calls to the kernel on its way in and as many links of a chain on its way through.
/// Connections that are silent hold no block. Blocks are given back to the collector beyond <see cref="KeptMax"/>.
/// </summary>
internal sealed class BulkMemory : MemoryPool<byte>
{
    /// <summary>Two HTTP/2 frames of the usual size and their headers.</summary>
    internal const int BlockBytes = 32 * 1024 + 512;

    /// <summary>4 MB: more are in use at once only for moments.</summary>
    private const int KeptMax = 128;

    private readonly ConcurrentQueue<byte[]> _free = new();
    private int _kept;

    public override int MaxBufferSize => BlockBytes;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
        if (!_free.TryDequeue(out byte[]? block))
            return new Block(this, GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true));
        Interlocked.Decrement(ref _kept);
        return new Block(this, block);
    }

    protected override void Dispose(bool disposing) => _free.Clear();

    private void Return(byte[] block)
    {
        if (Interlocked.Increment(ref _kept) <= KeptMax) _free.Enqueue(block);
        else Interlocked.Decrement(ref _kept);
    }

    private sealed class Block(BulkMemory pool, byte[] bytes) : IMemoryOwner<byte>
    {
        private byte[]? _bytes = bytes;

        public Memory<byte> Memory => _bytes ?? throw new ObjectDisposedException(nameof(Block));

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _bytes, null) is { } back) pool.Return(back);
        }
    }
}

/// <summary>Gives Kestrel its pools.</summary>
internal sealed class BulkMemoryFactory : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new BulkMemory();
}
