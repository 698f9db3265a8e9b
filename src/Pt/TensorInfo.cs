using System.Collections.Immutable;
using System.Text;

namespace Quorate.Pt;

/// <summary>Name, element type and shape of one tensor; two are equal when all three are.</summary>
/// <param name="Name">The key in the state dict, such as <c>layer1.0.bn1.running_mean</c>; 1 to
/// <see cref="PtLimits.NameBytes"/> bytes of UTF-8.</param>
/// <param name="Type">The element type.</param>
/// <param name="Shape">Sizes, outermost first; empty for a single number; at most <see cref="PtLimits.Dimensions"/>
/// entries whose product stays within <see cref="PtLimits.Elements"/>.</param>
/// <exception cref="ArgumentException">One of the bounds above is broken.</exception>
public sealed record TensorInfo(string Name, TensorType Type, ImmutableArray<long> Shape)
{
    /// <summary>Number of elements, 0 when a dimension is 0, 1 for an empty shape.</summary>
    public long Elements { get; } = FirstProblem(Name, Shape) is { } problem
        ? throw new ArgumentException(problem)
        : Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Bytes of all elements, stored without gaps.</summary>
    public long Bytes => Elements * Type.Size();

    public bool Equals(TensorInfo? other) =>
        other is not null && Name == other.Name && Type == other.Type
        && Shape.AsSpan().SequenceEqual(other.Shape.AsSpan());

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Name, StringComparer.Ordinal);
        hash.Add(Type);
        foreach (long size in Shape) hash.Add(size);
        return hash.ToHashCode();
    }

    /// <summary>For people: <c>conv1.weight Float32[6, 1, 5, 5]</c>.</summary>
    public override string ToString() => $"{Name} {Type}{FormatShape(Shape)}";

    internal static string FormatShape(ImmutableArray<long> shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>What forbids a tensor of this name and shape, as a sentence; null where nothing does.</summary>
    internal static string? FirstProblem(string name, ImmutableArray<long> shape)
    {
        if (shape.IsDefault) return "A tensor needs a shape; an empty one stands for a single number.";
        if (name.Length == 0) return "A tensor needs a name, and an empty one was given.";
        if (Encoding.UTF8.GetByteCount(name) > PtLimits.NameBytes)
            return $"The tensor name {PtText.Quote(name)} is longer than the {PtLimits.NameBytes} bytes allowed.";
        if (shape.Length > PtLimits.Dimensions)
        {
            return $"Tensor {PtText.Quote(name)} has {shape.Length} dimensions; "
                + $"at most {PtLimits.Dimensions} are allowed.";
        }

        long product = 1;
        foreach (long size in shape)
        {
            if (size < 0) return $"Tensor {PtText.Quote(name)} has a negative size in its shape {FormatShape(shape)}.";
            if (size > 0 && product > PtLimits.Elements / size)
            {
                return $"Tensor {PtText.Quote(name)} of shape {FormatShape(shape)} has "
                    + $"more than {PtLimits.Elements} elements.";
            }


            product *= size;
        }

        return null;
    }
}
