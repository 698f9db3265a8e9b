using Quorate.Pt;

namespace Quorate.Aggregation.Windows;

/// <summary>The same elements of every counted update.</summary>
internal readonly ref struct Window
{
    /// <summary>
    /// Elements of a window at most: the result takes 16 KB as doubles, which stay in a core's first-level cache.
    /// </summary>
    public const int ElementsMax = 2 << 10;

    /// <summary>The elements' type.</summary>
    public required TensorType Type { get; init; }

    /// <summary>Elements of each update.</summary>
    public required int Elements { get; init; }

    /// <summary>The first update's elements, as in its file; the next update's are <see cref="Stride"/>
    /// further.</summary>
    public required ReadOnlySpan<byte> Bytes { get; init; }

    /// <summary>Bytes from one update's elements to the next one's, a multiple of 8.</summary>
    public required int Stride { get; init; }

    /// <summary>Each update's weight: its number of examples, or 1 if the strategy is unweighted.</summary>
    public required ReadOnlySpan<double> Weights { get; init; }

    /// <summary>The sum of the weights.</summary>
    public required long Total { get; init; }

    /// <summary>The previous model's elements, if the rule reads them; otherwise empty.</summary>
    public ReadOnlySpan<double> Previous { get; init; }

    /// <summary>
    /// The rule's memory, read and written: for each element <see cref="Recipe.MemoryPerElement"/> numbers in sequence,
    /// 0 in the first round. Empty for tensors without a server step.
    /// </summary>
    public Span<double> Memory { get; init; }

    public int Updates => Weights.Length;

    /// <summary>One update's elements, as in its file.</summary>
    public ReadOnlySpan<byte> Of(int update) => Bytes.Slice(update * Stride, Elements * Type.Size());

    /// <summary>Some of one update's elements as doubles.</summary>
    public void Widen(int update, int first, Span<double> elements)
    {
        int size = Type.Size();
        Numbers.Widen(Type, Bytes.Slice((update * Stride) + (first * size), elements.Length * size), elements);
    }
}

/// <summary>Combines the updates' elements into the next model's, each element independently.</summary>
/// <remarks>
/// Invariant: an element's bits depend on the updates' elements, weights and order, the previous element and the memory
/// alone. Use addition, multiplication, division and square roots, which IEEE 754 rounds correctly; compute powers by
/// repeated multiplication, because the bits of pow, exp and log differ between machines.
/// </remarks>
internal interface IElementRule
{
    /// <param name="window">At most <see cref="Window.ElementsMax"/> elements.</param>
    /// <param name="next">The next model's elements, rounded to the tensor's type afterwards.</param>
    void Combine(in Window window, Span<double> next);
}
