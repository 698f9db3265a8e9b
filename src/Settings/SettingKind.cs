using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Quorate.Settings;

/// <summary>What values a setting takes, and how a text becomes one.</summary>
public sealed class SettingKind<T>
{
    public delegate bool TextReader(string text, [MaybeNullWhen(false)] out T value);

    /// <summary>What the value must be, as it follows "must be": "a whole number from 1 to 10".</summary>
    public required string Rule { get; init; }

    /// <summary>The values in a table: "1 to 10".</summary>
    public required string Range { get; init; }

    /// <summary>The value's place in the usage text: "N".</summary>
    public required string Hint { get; init; }

    public required TextReader TryRead { get; init; }

    /// <summary>A value as a user would write it.</summary>
    public required Func<T, string> Show { get; init; }

    /// <summary>The flag alone means <c>true</c>.</summary>
    public bool IsSwitch { get; init; }
}

/// <summary>The kinds of settings that programs share.</summary>
public static class SettingKinds
{
    /// <summary>On or off; the flag alone turns it on.</summary>
    public static SettingKind<bool> Switch { get; } = new()
    {
        Rule = "true or false", Range = "", Hint = "true|false", Show = on => on ? "on" : "off", IsSwitch = true,
        TryRead = (string text, out bool value) =>
        {
            value = text is "true" or "1";
            return value || text is "false" or "0";
        },
    };

    public static SettingKind<int> Whole(int min, int max) => Number("N", min, max, number => number, number => number);

    public static SettingKind<TimeSpan> Seconds(int min, int max) =>
        Number("S", min, max, number => TimeSpan.FromSeconds(number), span => (int)span.TotalSeconds);

    public static SettingKind<TimeSpan> Milliseconds(int min, int max) =>
        Number("MS", min, max, number => TimeSpan.FromMilliseconds(number), span => (int)span.TotalMilliseconds);

    /// <summary>A text that the program looks at itself.</summary>
    /// <param name="what">What it names, such as "a file".</param>
    public static SettingKind<string> Text(string what, string hint) => new()
    {
        Rule = what, Range = what, Hint = hint, Show = text => $"`{text}`",
        TryRead = (string text, [MaybeNullWhen(false)] out string value) => (value = text).Length > 0,
    };

    /// <summary>One of the members of an enum, in lower case.</summary>
    public static SettingKind<T> Choice<T>()
        where T : struct, Enum
    {
        string[] words = [.. Enum.GetNames<T>().Select(name => name.ToLowerInvariant())];
        return new SettingKind<T>
        {
            Rule = string.Join(" or ", words), Range = string.Join(", ", words.Select(word => $"`{word}`")),
            Hint = string.Join('|', words), Show = member => $"`{member.ToString().ToLowerInvariant()}`",
            TryRead = (string text, out T value) =>
            {
                int at = Array.IndexOf(words, text);
                value = at < 0 ? default : Enum.GetValues<T>()[at];
                return at >= 0;
            },
        };
    }

    private static SettingKind<T> Number<T>(
        string hint, int min, int max, Func<int, T> ofNumber, Func<T, int> toNumber) => new()
        {
            Rule = $"a whole number from {min} to {max}", Range = $"{Grouped(min)} to {Grouped(max)}", Hint = hint,
            Show = value => Grouped(toNumber(value)),
            TryRead = (string text, [MaybeNullWhen(false)] out T value) =>
            {
                bool read = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                    && number >= min && number <= max;
                value = read ? ofNumber(number) : default;
                return read;
            },
        };

    private static string Grouped(int number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
