using System.Text.Json;

namespace Quorate.Shared.Runs;

/// <summary>
/// The section <c>aggregation</c> as plain data. The coordinators know the strategies; they check names and ranges when
/// the run opens.
/// </summary>
/// <param name="Strategy">Key <c>strategy</c>; absent: mean.</param>
/// <param name="Parameters">Key <c>parameters</c>: numbers by name, those that differ from their defaults.</param>
/// <param name="Keys">Key <c>keys</c>: what happens to tensors whose names match a pattern; the first match
/// counts.</param>
public sealed record AggregationSection(
    string Strategy, IReadOnlyDictionary<string, double> Parameters, IReadOnlyList<KeyPattern> Keys)
{
    private const int NameCharsMax = 64, PatternCharsMax = 256, ParametersMax = 32, KeysMax = 64;

    internal static AggregationSection Read(JsonSection section)
    {
        var read = new AggregationSection(
            section.Text("strategy", IsName, $"a strategy's name, up to {NameCharsMax} characters long", "mean"),
            section.Numbers("parameters", ParametersMax),
            [.. section.Sections("keys", KeysMax).Select(ReadKey)]);
        section.RefuseUnknownKeys();
        return read;
    }

    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("aggregation");
        json.WriteString("strategy", Strategy);
        json.WriteStartObject("parameters");
        foreach (var (name, value) in Parameters.OrderBy(parameter => parameter.Key, StringComparer.Ordinal))
            json.WriteNumber(name, value);
        json.WriteEndObject();
        json.WriteStartArray("keys");
        foreach (var key in Keys)
        {
            json.WriteStartObject();
            json.WriteString("pattern", key.Pattern);
            json.WriteString("rule", key.Rule);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static KeyPattern ReadKey(JsonSection key)
    {
        var read = new KeyPattern(
            key.Text(
                "pattern", text => text.Length is >= 1 and <= PatternCharsMax,
                $"a pattern of tensor names such as \"*.running_mean\", up to {PatternCharsMax} characters long"),
            key.Text("rule", IsName, "one of aggregate, average, max, local, frozen"));
        key.RefuseUnknownKeys();
        return read;
    }

    private static bool IsName(string text) => text.Length is >= 1 and <= NameCharsMax;
}

/// <summary>A glob over tensor names (<c>*</c>: any characters, <c>?</c>: one character) and the word for what happens
/// to them.</summary>
public sealed record KeyPattern(string Pattern, string Rule);
