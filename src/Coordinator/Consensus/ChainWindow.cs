using Quorate.Rounds;

namespace Quorate.Coordinator.Consensus;

/// <summary>
/// The chain hashes after the last <see cref="Capacity"/> commands, so that replicas at different indexes can be
/// compared. It is kept beside the state and does not survive a restart.
/// </summary>
internal sealed class ChainWindow
{
    public const int Capacity = 4096;

    private readonly Lock _gate = new();
    private readonly (long Index, BlobHash Chain)[] _ring = new (long, BlobHash)[Capacity];
    private long _count;

    public void Add(long index, BlobHash chain)
    {
        lock (_gate) _ring[(int)(_count++ % Capacity)] = (index, chain);
    }

    /// <summary>
    /// The remembered hashes from index <paramref name="from"/> on, ascending, at most <paramref name="max"/>.
    /// </summary>
    public IReadOnlyList<(long Index, BlobHash Chain)> From(long from, int max)
    {
        lock (_gate)
        {
            var found = new List<(long, BlobHash)>();
            for (long i = Math.Max(0, _count - Capacity); i < _count && found.Count < max; i++)
                if (_ring[(int)(i % Capacity)] is var link && link.Index >= from) found.Add(link);
            return found;
        }
    }
}
