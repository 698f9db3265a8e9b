using System.Buffers;

namespace Quorate.Coordinator.Consensus;

/// <summary>
/// Bytes as they are written, in pooled pieces. Asking it for room costs nothing: a snapshot of a long trail asks some
/// hundred thousand times.
/// </summary>
internal sealed class Pieces : IBufferWriter<byte>, IDisposable
{
    /// <summary>Below .NET's large objects (85,000 bytes), and what its pool of buffers has.</summary>
    private const int PieceBytes = 64 * 1024;

    private readonly List<(byte[] Bytes, int Used)> _full = [];
    private byte[] _last = ArrayPool<byte>.Shared.Rent(PieceBytes);
    private int _used;

    public long Length => _full.Sum(piece => (long)piece.Used) + _used;

    /// <summary>All that was written, in order.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> All =>
        _full.Select(piece => (ReadOnlyMemory<byte>)piece.Bytes.AsMemory(0, piece.Used))
            .Append(_last.AsMemory(0, _used));

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        int wanted = Math.Max(sizeHint, 1);
        if (_last.Length - _used < wanted)
        {
            _full.Add((_last, _used));
            (_last, _used) = (ArrayPool<byte>.Shared.Rent(Math.Max(wanted, PieceBytes)), 0);
        }
        return _last.AsMemory(_used);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_last.Length - _used), nameof(count));
        _used += count;
    }

    public void Dispose()
    {
        foreach (var (bytes, _) in _full) ArrayPool<byte>.Shared.Return(bytes);
        ArrayPool<byte>.Shared.Return(_last);
    }
}
