using System.Collections;
using System.Collections.Immutable;

namespace Quorate.Rounds;

/// <summary>
/// Named numbers about an update or a model, such as its loss. At most <see cref="CountMax"/>, each finite or NaN,
/// sorted by name. Immutable, compared by content, and never invalid.
/// </summary>
public sealed class Metrics : IReadOnlyList<KeyValuePair<string, double>>, IEquatable<Metrics>
{
    public const int CountMax = 16;
    public const int NameCharsMax = 63;

    /// <summary>Mean loss, natural logarithm.</summary>
    public const string Loss = "loss";

    /// <summary>Share of examples classified correctly, 0 to 1.</summary>
    public const string Accuracy = "accuracy";

    /// <summary>Examples that a score was computed on.</summary>
    public const string Examples = "examples";

    public static readonly Metrics None = new([]);

    private readonly ImmutableArray<KeyValuePair<string, double>> _sorted;

    private Metrics(ImmutableArray<KeyValuePair<string, double>> sorted) => _sorted = sorted;

    public int Count => _sorted.Length;

    public KeyValuePair<string, double> this[int index] => _sorted[index];

    /// <summary>The metric's value; NaN if there is none of that name.</summary>
    public double this[string name]
    {
        get
        {
            foreach (var (known, value) in _sorted)
                if (known == name) return value;
            return double.NaN;
        }
    }

    /// <exception cref="ArgumentException">A rule of <see cref="TryCreate"/> is broken.</exception>
    public static Metrics Of(params ReadOnlySpan<(string Name, double Value)> values)
    {
        var pairs = new KeyValuePair<string, double>[values.Length];
        for (int i = 0; i < values.Length; i++) pairs[i] = new(values[i].Name, values[i].Value);
        return TryCreate(pairs, out var metrics, out string? flaw) ? metrics : throw new ArgumentException(flaw);
    }

    /// <param name="values">In any order.</param>
    /// <param name="flaw">What is wrong, as a sentence.</param>
    public static bool TryCreate(
        IEnumerable<KeyValuePair<string, double>> values,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Metrics? metrics,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out string? flaw)
    {
        var sorted = values.Select(v => KeyValuePair.Create(Shared(v.Key), Normal(v.Value))).ToArray();
        Array.Sort(sorted, (one, other) => string.CompareOrdinal(one.Key, other.Key));
        flaw = FirstFlaw(sorted);
        metrics = flaw is null ? sorted.Length == 0 ? None : new Metrics([.. sorted]) : null;
        return flaw is null;
    }

    public static bool IsName(string text) =>
        text is { Length: >= 1 and <= NameCharsMax }
        && text.All(c => char.IsAsciiDigit(c) || char.IsAsciiLetterLower(c) || c is '_' or '.' or '-');

    public bool Equals(Metrics? other)
    {
        if (other is null || other.Count != Count) return false;
        for (int i = 0; i < Count; i++)
            if (_sorted[i].Key != other._sorted[i].Key || !_sorted[i].Value.Equals(other._sorted[i].Value))
                return false;
        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as Metrics);

    public override int GetHashCode() => Count;

    public IEnumerator<KeyValuePair<string, double>> GetEnumerator() => _sorted.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => string.Join(", ", _sorted.Select(metric =>
        FormattableString.Invariant($"{metric.Key} {metric.Value}")));

    internal bool HasNamesOf(Metrics other)
    {
        if (other.Count != Count) return false;
        for (int i = 0; i < Count; i++)
            if (_sorted[i].Key != other._sorted[i].Key) return false;
        return true;
    }

    internal static void WriteValues(FactWriter w, Metrics metrics)
    {
        foreach (var (_, value) in metrics._sorted) w.Double(value);
    }

    internal static Metrics ReadValues(ref FactReader r, Metrics named)
    {
        var metrics = ImmutableArray.CreateBuilder<KeyValuePair<string, double>>(named.Count);
        foreach (var (name, _) in named._sorted) metrics.Add(new(name, ReadValue(ref r)));
        return new Metrics(metrics.MoveToImmutable());
    }

    internal static void Write(FactWriter w, Metrics metrics)
    {
        w.Int32(metrics.Count);
        foreach (var (name, value) in metrics._sorted)
        {
            w.Text(name, NameCharsMax);
            w.Double(value);
        }
    }

    internal static Metrics Read(ref FactReader r)
    {
        int count = r.Count(CountMax, itemBytesMin: 5);
        if (count == 0) return None;
        var metrics = ImmutableArray.CreateBuilder<KeyValuePair<string, double>>(count);
        for (; count > 0; count--) metrics.Add(new(Shared(r.Text(NameCharsMax)), ReadValue(ref r)));
        return FirstFlaw(metrics) is { } flaw
            ? throw FactReader.Bad($"wrong metrics: {flaw.TrimEnd('.')}")
            : new Metrics(metrics.MoveToImmutable());
    }

    private static double ReadValue(ref FactReader r)
    {
        double value = r.Double();
        bool one = BitConverter.DoubleToInt64Bits(value) == BitConverter.DoubleToInt64Bits(Normal(value));
        return one && !double.IsInfinity(value) ? value : throw FactReader.Bad("a metric of no value");
    }

    private static string? FirstFlaw(IReadOnlyList<KeyValuePair<string, double>> sorted)
    {
        if (sorted.Count > CountMax) return $"There are {sorted.Count} metrics; at most {CountMax} are allowed.";
        for (int i = 0; i < sorted.Count; i++)
        {
            var (name, value) = sorted[i];
            if (!IsName(name))
                return $"'{Slug.Shown(name)}' is not a metric name: use 1 to {NameCharsMax} of a-z 0-9 _ . -.";
            if (double.IsInfinity(value)) return $"Metric {name} must be finite or NaN.";
            if (i > 0 && string.CompareOrdinal(sorted[i - 1].Key, name) >= 0)
                return $"Metric {name} is given twice or out of order.";
        }
        return null;
    }

    /// <summary>One bit pattern for NaN and one for zero.</summary>
    private static double Normal(double value) => double.IsNaN(value) ? double.NaN : value + 0.0;

    /// <summary>One string for each name that nearly every update has.</summary>
    private static string Shared(string name) =>
        name switch { Loss => Loss, Accuracy => Accuracy, Examples => Examples, _ => name };
}
