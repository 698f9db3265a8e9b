using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Quorate.Aggregation.Windows;
using Quorate.Pt;

namespace Quorate.Aggregation.Selection;

/// <summary>Chooses which updates count.</summary>
internal interface ISelector
{
    /// <returns>Ascending indexes of updates; at least one.</returns>
    IReadOnlyList<int> Choose(Distances distances);
}

/// <summary>
/// The squared Euclidean distances between all updates, over the floating tensors with the rule aggregate: counters and
/// statistics of unequal trainers differ by far more than weights and would dominate.
/// </summary>
/// <remarks>
/// Invariant: a distance's bits depend on the two updates alone. Differences are squared and added in double, 512
/// elements at a time in eight lanes (element modulo 8), which are then added in one order. Expanding the square
/// (x² + y² - 2xy) would lose the small differences between large vectors.
/// </remarks>
internal sealed class Distances
{
    /// <summary>Elements per step. Windows have whole steps, because their strides are multiples of 4 KiB.</summary>
    private const int Step = 512;

    private const int Lanes = 8;

    private readonly double[] _squares;

    internal Distances(int updates)
    {
        Updates = updates;
        _squares = new double[(long)updates * (updates - 1) / 2];
    }

    public int Updates { get; }

    /// <summary>The squared distance between two updates.</summary>
    public double Squared(int a, int b) => a == b ? 0 : Between(a, b);

    /// <summary>Reads all updates once, in step.</summary>
    /// <exception cref="AggregationException">An update is damaged.</exception>
    public static async Task<Distances> MeasureAsync(RoundFiles files, CancellationToken token)
    {
        var distances = new Distances(files.Updates.Count);
        double[] rows = new double[files.Updates.Count * Step];
        TensorInfo[] tensors = [.. files.Layout.With(Treatment.Strategy)];
        await using var ahead = new ReadAhead(files.Updates, tensors);
        foreach (var tensor in tensors)
        {
            int size = tensor.Type.Size();
            for (long left = tensor.Elements; left > 0;)
            {
                token.ThrowIfCancellationRequested();
                int count = (int)Math.Min(Math.Min(left, Step), await ahead.WaitAsync() / size);
                for (int u = 0; u < files.Updates.Count; u++)
                {
                    Numbers.Widen(
                        tensor.Type, ahead.Window.Slice(u * ahead.Stride, count * size), rows.AsSpan(u * Step, count));
                }

                distances.Add(rows, count);
                ahead.Advance(count * size);
                left -= count;
            }
        }

        return distances;
    }

    /// <summary>Adds the squared differences of one step's elements.</summary>
    internal void Add(double[] rows, int count)
    {
        for (int a = 1; a < Updates; a++)
        {
            for (int b = 0; b < a; b++)
                Between(a, b) += SquaredDifference(rows.AsSpan(a * Step, count), rows.AsSpan(b * Step, count));
        }
    }

    private ref double Between(int a, int b)
    {
        (long small, long large) = a < b ? (a, b) : (b, a);
        return ref _squares[(large * (large - 1) / 2) + small];
    }

    private static double SquaredDifference(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        Vector256<double> low = default, high = default;
        ref double a = ref MemoryMarshal.GetReference(x);
        ref double b = ref MemoryMarshal.GetReference(y);
        int i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            low += Square(Vector256.LoadUnsafe(ref a, (nuint)i), Vector256.LoadUnsafe(ref b, (nuint)i));
            high += Square(Vector256.LoadUnsafe(ref a, (nuint)i + 4), Vector256.LoadUnsafe(ref b, (nuint)i + 4));
        }

        Span<double> lanes = stackalloc double[Lanes];
        low.CopyTo(lanes);
        high.CopyTo(lanes[4..]);
        for (int lane = 0; i < x.Length; i++, lane++)
        {
            double difference = x[i].Equals(y[i]) ? 0 : x[i] - y[i];
            lanes[lane] += difference * difference;
        }

        double sum = 0;
        foreach (double lane in lanes) sum += lane;
        return sum;
    }

    /// <summary>Equal elements have no difference, even if both are the same infinity.</summary>
    private static Vector256<double> Square(Vector256<double> x, Vector256<double> y)
    {
        var difference = Vector256.ConditionalSelect(Vector256.Equals(x, y), Vector256<double>.Zero, x - y);
        return difference * difference;
    }
}
