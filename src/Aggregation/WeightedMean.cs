using System.Numerics;
using System.Runtime.InteropServices;
using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>
/// The updates' weighted mean as one long sequence of bytes, tensor after tensor. Floating tensors are averaged;
/// integer ones (such as num_batches_tracked) take the maximum, since a mean of counters means nothing; booleans must
/// be equal. Each update is read once, front to back, a window ahead of the sums (<see cref="ReadAhead"/>), and its
/// checksums are verified on the way.
/// </summary>
internal sealed class WeightedMean : IAsyncDisposable
{
    private const int ChunkElements = WeightedSum.ElementsMax;

    private readonly List<(PtFile File, string Path, long Weight)> _updates = [];
    private readonly WeightedSum _sum;
    private readonly double[] _weights;
    private readonly ReadAhead _ahead;
    private int _index = -1;
    private long _left;

    /// <exception cref="AveragingException">An update is no .pt file or has other tensors than the first.</exception>
    public WeightedMean(IReadOnlyList<(string Path, long Examples)> updates)
    {
        ArgumentOutOfRangeException.ThrowIfZero(updates.Count);
        foreach ((_, long examples) in updates)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(examples, 1, nameof(updates));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(examples, FederatedAverage.ExamplesMax, nameof(updates));
        }

        try
        {
            // A lone update is its own mean, bit for bit; in float64, n·x/n would not always be x.
            foreach ((string path, long examples) in updates) Open(path, updates.Count == 1 ? 1 : examples);
        }
        catch
        {
            Close();
            throw;
        }

        _weights = [.. _updates.Select(update => (double)update.Weight)];
        _sum = new WeightedSum(_updates.Sum(update => update.Weight));
        _ahead = new ReadAhead([.. _updates.Select(update => (update.File, update.Path))], Schema);
    }

    /// <summary>The tensors, in the order of the first update.</summary>
    public IReadOnlyList<TensorInfo> Schema => _updates[0].File.Schema;

    /// <summary>Fills the block with the next bytes, whole elements only.</summary>
    /// <returns>Bytes filled; 0 at the end.</returns>
    /// <exception cref="AveragingException">An update is damaged, or its booleans differ from the first
    /// one's.</exception>
    public async ValueTask<int> NextAsync(Memory<byte> block)
    {
        int filled = 0;
        while (_left > 0 || _index + 1 < Schema.Count)
        {
            if (_left == 0)
            {
                _left = Schema[++_index].Elements;
                continue;
            }

            TensorInfo tensor = Schema[_index];
            int size = tensor.Type.Size();
            int fits = Math.Min(ChunkElements, (block.Length - filled) / size);
            if (fits == 0) break;
            int count = (int)Math.Min(Math.Min(fits, _left), await _ahead.WaitAsync() / size);
            Combine(tensor, block.Span.Slice(filled, count * size));
            _ahead.Advance(count * size);
            filled += count * size;
            _left -= count;
        }

        return filled;
    }

    public async ValueTask DisposeAsync()
    {
        await _ahead.DisposeAsync();
        Close();
    }

    private void Close()
    {
        foreach ((PtFile file, _, _) in _updates) file.Dispose();
    }

    private void Open(string path, long weight)
    {
        PtFile file = ReadAhead.Blaming(path, () => PtFile.Open(path));
        _updates.Add((file, path, weight));
        if (PtSchema.CheckMatch(Schema, file).IsRefused(out string? mismatch))
            throw new AveragingException(path, mismatch);
    }

    private void Combine(TensorInfo tensor, Span<byte> result)
    {
        if (tensor.Type.IsFloating())
        {
            _sum.Mean(tensor.Type, _ahead.Window, _ahead.Stride, _weights, result);
            return;
        }

        for (int i = 0; i < _updates.Count; i++)
        {
            ReadOnlySpan<byte> chunk = _ahead.Window.Slice(i * _ahead.Stride, result.Length);
            if (i == 0) chunk.CopyTo(result);
            else Merge(tensor, chunk, result, _updates[i].Path);
        }
    }

    private static void Merge(TensorInfo tensor, ReadOnlySpan<byte> chunk, Span<byte> result, string path)
    {
        switch (tensor.Type)
        {
            case TensorType.Int64: Max<long>(chunk, result); break;
            case TensorType.Int32: Max<int>(chunk, result); break;
            case TensorType.Int16: Max<short>(chunk, result); break;
            case TensorType.Int8: Max<sbyte>(chunk, result); break;
            case TensorType.UInt8: Max<byte>(chunk, result); break;
            default:
                if (!chunk.SequenceEqual(result))
                    throw new AveragingException(
                        path, $"Tensor '{tensor.Name}' differs from the first update's, and booleans have no mean.");
                break;
        }
    }

    private static void Max<T>(ReadOnlySpan<byte> chunk, Span<byte> result)
        where T : unmanaged, INumber<T>
    {
        ReadOnlySpan<T> values = MemoryMarshal.Cast<byte, T>(chunk);
        Span<T> largest = MemoryMarshal.Cast<byte, T>(result);
        for (int i = 0; i < values.Length; i++) largest[i] = T.Max(largest[i], values[i]);
    }
}
