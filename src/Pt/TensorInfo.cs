using System.Collections.Immutable;
using System.Text;

namespace Quorate.Pt;

/// <summary>Name, element type and shape of one tensor. Two are equal when all three are.</summary>
/// <param name="Name">The key in the state dict, such as <c>layer1.0.bn1.running_mean</c>; 1 to
/// <see cref="PtLimits.NameBytes"/> bytes of UTF-8.</param>
/// <param name="Type">The element type.</param>
/// <param name="Shape">Sizes, outermost first; empty for a single number. At most
/// <see cref="PtLimits.Dimensions"/> entries, whose product is at most <see cref="PtLimits.Elements"/>.</param>
/// <exception cref="ArgumentException">One of the bounds above is exceeded.</exception>
public sealed record TensorInfo(string Name, TensorType Type, ImmutableArray<long> Shape)
{
    /// <summary>Number of elements, 0 when a dimension is 0, 1 for an empty shape.</summary>
    public long Elements { get; } = Check(Name, Shape).IsRefused(out string? reason)
        ? throw new ArgumentException(reason)
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

    /// <summary>Whether a tensor may have this name and shape.</summary>
    internal static CheckResult Check(string name, ImmutableArray<long> shape)
    {
        if (shape.IsDefault) return CheckResult.Refused("A tensor has no shape; a single number has an empty one.");
        if (name.Length == 0) return CheckResult.Refused("A tensor has an empty name.");
        if (Encoding.UTF8.GetByteCount(name) > PtLimits.NameBytes)
            return CheckResult.Refused(
                $"The tensor name {PtText.Quote(name)} is longer than the {PtLimits.NameBytes} bytes allowed.");
        if (shape.Length > PtLimits.Dimensions)
            return CheckResult.Refused($"Tensor {PtText.Quote(name)} has {shape.Length} dimensions; "
                + $"at most {PtLimits.Dimensions} are allowed.");

        long product = 1;
        foreach (long size in shape)
        {
            if (size < 0)
                return CheckResult.Refused(
                    $"Tensor {PtText.Quote(name)} has a negative size in its shape {FormatShape(shape)}.");
            if (size > 0 && product > PtLimits.Elements / size)
                return CheckResult.Refused($"Tensor {PtText.Quote(name)} of shape {FormatShape(shape)} has "
                    + $"more than {PtLimits.Elements} elements.");
            product *= size;
        }

        return CheckResult.Passed;
    }
}
