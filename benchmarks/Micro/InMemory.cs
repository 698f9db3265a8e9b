using System.Runtime.InteropServices;
using Quorate.Aggregation.Rules;
using Quorate.Aggregation.Windows;
using Quorate.Pt;

namespace Quorate.Benchmarks.Micro;

/// <summary>Updates of float32 in memory: the arithmetic of their mean without files, and a plain copy.</summary>
internal sealed class InMemory
{
    private readonly float[] _chunks, _copied, _mean;
    private readonly double[] _weights, _next = new double[Window.ElementsMax];
    private readonly WeightedMean _rule = new();

    public InMemory(Payload payload, int updates)
    {
        int count = checked((int)(payload.Bytes / sizeof(float)));
        _chunks = [.. Enumerable.Range(0, checked(count * updates)).Select(i => ((i % 1009) - 504) * 1e-4f)];
        _copied = _chunks[..count];
        _mean = new float[count];
        _weights = [.. Enumerable.Repeat(12_000.0, updates)];
    }

    /// <summary>The updates are stored chunk by chunk, next to each other, as the leader reads them.</summary>
    public void Average()
    {
        for (int at = 0; at < _mean.Length; at += Window.ElementsMax)
        {
            int count = Math.Min(Window.ElementsMax, _mean.Length - at);
            var window = new Window
            {
                Type = TensorType.Float32,
                Elements = count,
                Bytes = MemoryMarshal.AsBytes(_chunks.AsSpan(at * _weights.Length, count * _weights.Length)),
                Stride = count * sizeof(float),
                Weights = _weights,
                Total = _weights.Length * 12_000L,
            };
            _rule.Combine(window, _next.AsSpan(0, count));
            Numbers.Narrow(TensorType.Float32, _next.AsSpan(0, count),
                MemoryMarshal.AsBytes(_mean.AsSpan(at, count)));
        }
    }

    /// <summary>One update onto the mean.</summary>
    public void Copy() => _copied.CopyTo(_mean, 0);
}
