using System.Text.Json;

namespace Quorate.Shared.Runs;

/// <summary>
/// One object of a JSON file, read key by key. A wrong value adds a sentence to the errors and yields a stand-in, so
/// that reading continues and finds the other errors too. Callers look at the errors before they use any value.
/// </summary>
internal sealed class JsonSection(JsonElement element, string path, List<string> errors)
{
    private const int ShownMax = 60;

    /// <summary>Unknown keys named for one section: each makes a sentence, and a file could hold thousands.</summary>
    private const int UnknownKeysNamedMax = 8;

    /// <summary>Thirty years: far beyond any rule, and far below what a TimeSpan holds.</summary>
    private const int SecondsMax = 1_000_000_000;

    private readonly HashSet<string> _known = [];

    /// <summary>Where a text stops being JSON, counted from 1. The exception's own message counts from 0.</summary>
    public static string NotJson(JsonException e)
    {
        string what = e.Message.Split(" LineNumber:")[0].Split(" Path:")[0];
        string place = e.LineNumber is { } line ? $"line {line + 1}, byte {e.BytePositionInLine + 1}: " : "";
        return $"It is not JSON: {place}{what}";
    }

    public bool Has(string key) => Find(key) is not null;

    /// <param name="absent">What the key's absence means; null where the key is required.</param>
    /// <param name="standIn">What a wrong value yields: a value with which no comparison with another key fails too.
    /// The least value where none is given.</param>
    public int Int(string key, int min, int max, int? absent = null, int? standIn = null)
    {
        string rule = $"a whole number from {min} to {max}";
        return Find(key) is not { } value ? absent ?? Missing(key, rule, standIn ?? min)
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
                && number >= min && number <= max ? number
            : Wrong(key, rule, value, standIn ?? min);
    }

    /// <summary>A whole number, or an array of them; a wrong one yields the least value.</summary>
    public ShardSizes Ints(string key, int min, int max, int most)
    {
        if (Find(key) is not { ValueKind: JsonValueKind.Array } value) return Int(key, min, max);
        var numbers = new List<int>();
        foreach (JsonElement item in value.EnumerateArray())
            if (item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int number) && number >= min
                && number <= max)
                numbers.Add(number);
        return numbers.Count > 0 && numbers.Count == value.GetArrayLength() && numbers.Count <= most
            ? new ShardSizes(numbers)
            : Wrong<ShardSizes>(key, $"an array of up to {most} whole numbers from {min} to {max}", value, min);
    }

    /// <summary>A whole number whose range is checked elsewhere; a wrong one yields 1.</summary>
    public int Int(string key, int? absent = null)
    {
        string rule = $"a whole number up to {int.MaxValue}";
        return Find(key) is not { } value ? absent ?? Missing(key, rule, 1)
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
            : Wrong(key, rule, value, 1);
    }

    public ulong Whole(string key)
    {
        string rule = $"a whole number from 0 to {ulong.MaxValue}";
        return Find(key) is not { } value ? Missing(key, rule, 0UL)
            : value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out ulong number) ? number
            : Wrong(key, rule, value, 0UL);
    }

    public double Number(string key, Func<double, bool> allowed, string rule, double? absent = null) =>
        Find(key) is not { } value ? absent ?? Missing(key, rule, 0.0)
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && allowed(number) ? number
        : Wrong(key, rule, value, 0.0);

    /// <summary>A span whose range is checked elsewhere; a wrong one yields what its absence means.</summary>
    public TimeSpan Seconds(string key, double absent)
    {
        string rule = $"a number of seconds up to {SecondsMax}";
        return TimeSpan.FromSeconds(Find(key) is not { } value ? absent
            : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number)
                && Math.Abs(number) <= SecondsMax ? number
            : Wrong(key, rule, value, absent));
    }

    /// <summary>A text; a wrong one yields what its absence means, or nothing.</summary>
    public string Text(string key, Func<string, bool> allowed, string rule, string? absent = null) =>
        Find(key) is not { } value ? absent ?? Missing(key, rule, "")
        : value.ValueKind == JsonValueKind.String && allowed(value.GetString()!) ? value.GetString()!
        : Wrong(key, rule, value, absent ?? "");

    /// <summary>The member of an enum that a word names.</summary>
    public T Word<T>(string key, T? absent = null)
        where T : struct, Enum
    {
        string rule = $"one of {string.Join(", ", Enum.GetValues<T>().Select(m => $"\"{EnumNames.Of(m)}\""))}";
        if (Find(key) is not { } value)
            return absent ?? Missing(key, rule, default(T));
        foreach (T member in Enum.GetValues<T>())
        {
            if (value.ValueKind == JsonValueKind.String && value.ValueEquals(EnumNames.Of(member)))
                return member;
        }

        return Wrong(key, rule, value, default(T));
    }

    /// <summary>A section inside this one; null when it is no object, or absent.</summary>
    public JsonSection? Section(string key, bool required) =>
        Find(key) is not { } value ? required ? Missing<JsonSection?>(key, "an object", null) : null
        : value.ValueKind == JsonValueKind.Object ? new JsonSection(value, PathOf(key), errors)
        : Wrong<JsonSection?>(key, "an object", value, null);

    /// <summary>An object of numbers under any names; empty if absent.</summary>
    public Dictionary<string, double> Numbers(string key, int most)
    {
        var numbers = new Dictionary<string, double>(StringComparer.Ordinal);
        if (Find(key) is not { } value) return numbers;
        string rule = $"an object of up to {most} numbers";
        if (value.ValueKind != JsonValueKind.Object || value.EnumerateObject().Count() > most)
            return Wrong(key, rule, value, numbers);
        foreach (JsonProperty property in value.EnumerateObject())
        {
            if (property.Value.ValueKind == JsonValueKind.Number && property.Value.TryGetDouble(out double number)
                && double.IsFinite(number))
                numbers.Add(property.Name, number);
            else Wrong($"{key}.{property.Name}", "a number", property.Value, 0);
        }

        return numbers;
    }

    /// <summary>The objects of an array; empty if absent.</summary>
    public IReadOnlyList<JsonSection> Sections(string key, int most)
    {
        if (Find(key) is not { } value) return [];
        string rule = $"an array of up to {most} objects";
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > most
            || value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.Object))
            return Wrong<IReadOnlyList<JsonSection>>(key, rule, value, []);
        return [.. value.EnumerateArray().Select((item, i) => new JsonSection(item, $"{PathOf(key)}[{i}]", errors))];
    }

    /// <summary>Sentences that already name their keys.</summary>
    public void Refuse(IEnumerable<string> sentences) => errors.AddRange(sentences);

    public void Refuse(string key, string why) => errors.Add($"{PathOf(key)} {why}.");

    /// <summary>Called last: a key that was not read is unknown, and an error.</summary>
    public void RefuseUnknownKeys()
    {
        foreach (JsonProperty property in element.EnumerateObject().Where(p => !_known.Contains(p.Name))
            .Take(UnknownKeysNamedMax))
            Refuse(property.Name, $"is not a key of a run file; the keys here are {string.Join(", ", _known)}");
    }

    private JsonElement? Find(string key)
    {
        _known.Add(key);
        return element.TryGetProperty(key, out JsonElement value) ? value : null;
    }

    private T Missing<T>(string key, string rule, T standIn)
    {
        Refuse(key, $"is missing; it must be {rule}");
        return standIn;
    }

    private T Wrong<T>(string key, string rule, JsonElement value, T standIn)
    {
        string shown = value.GetRawText();
        Refuse(key, $"must be {rule}, and is {(shown.Length <= ShownMax ? shown : shown[..ShownMax] + "…")}");
        return standIn;
    }

    private string PathOf(string key) => path.Length == 0 ? key : $"{path}.{key}";
}
