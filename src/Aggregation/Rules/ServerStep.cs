using Quorate.Aggregation.Windows;

namespace Quorate.Aggregation.Rules;

/// <summary>
/// Moves each element of the previous model by a step that is computed from Δ = weighted mean of the updates - previous
/// element, and from the memory. Tensors without a server step, such as BatchNorm's statistics, become the mean.
/// </summary>
internal abstract class ServerStep : IElementRule
{
    private readonly WeightedMean _mean = new();

    public void Combine(in Window window, Span<double> next)
    {
        _mean.Combine(window, next);
        if (window.Memory.IsEmpty) return;
        int width = window.Memory.Length / next.Length;
        for (int i = 0; i < next.Length; i++)
        {
            double previous = window.Previous[i];
            // An infinite element never moves: every update has the same infinity there.
            if (double.IsInfinity(previous)) continue;
            next[i] = previous + Step(next[i] - previous, window.Memory.Slice(i * width, width));
        }
    }

    protected static Recipe Prepare(int memoryPerElement, Func<ServerStep> rule) => new()
    {
        Rule = rule, IsWeighted = true, ReadsPrevious = true, MemoryPerElement = memoryPerElement,
    };

    /// <summary>What is added to an element.</summary>
    /// <param name="delta">The element's Δ.</param>
    /// <param name="memory">The element's memory, read and written; zeros in the first round.</param>
    protected abstract double Step(double delta, Span<double> memory);
}
