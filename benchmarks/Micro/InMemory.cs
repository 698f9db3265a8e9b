using System.Runtime.InteropServices;
using Quorate.Aggregation;
using Quorate.Pt;

namespace Quorate.Benchmarks.Micro;

/// <summary>Updates of float32 in memory: the arithmetic of their mean without files, and a plain copy.</summary>
internal sealed class InMemory
{
    private readonly float[] _chunks, _copied, _mean;
    private readonly double[] _weights;
    private readonly WeightedSum _sum;

    public InMemory(Payload payload, int updates)
    {
        int count = checked((int)(payload.Bytes / sizeof(float)));
        _chunks = [.. Enumerable.Range(0, checked(count * updates)).Select(i => ((i % 1009) - 504) * 1e-4f)];
        _copied = _chunks[..count];
        _mean = new float[count];
        _weights = [.. Enumerable.Repeat(12_000.0, updates)];
        _sum = new WeightedSum(updates * 12_000L);
    }

    /// <summary>The updates lie chunk by chunk, one's beside the other's, as the leader reads them.</summary>
    public void Average()
    {
        for (int at = 0; at < _mean.Length; at += WeightedSum.ElementsMax)
        {
            int count = Math.Min(WeightedSum.ElementsMax, _mean.Length - at);
            var chunks = MemoryMarshal.AsBytes(_chunks.AsSpan(at * _weights.Length, count * _weights.Length));
            _sum.Mean(TensorType.Float32, chunks, count * sizeof(float), _weights,
                MemoryMarshal.AsBytes(_mean.AsSpan(at, count)));
        }
    }

    /// <summary>One update onto the mean.</summary>
    public void Copy() => _copied.CopyTo(_mean, 0);
}
