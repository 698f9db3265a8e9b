namespace Quorate.Rounds;

/// <summary>
/// The name of a trainer: 1 to 63 characters of <c>A-Z a-z 0-9 . _ -</c>, the first a letter or a digit.
/// Trainers are ordered ordinally; this order is the order of summation in a round.
/// </summary>
public readonly record struct TrainerId : IComparable<TrainerId>
{
    private readonly string? _text;

    private TrainerId(string text) => _text = text;

    /// <exception cref="FormatException">Not a valid name.</exception>
    public static TrainerId Parse(string text) => TryParse(text, out var id)
        ? id
        : throw new FormatException(
            $"'{Slug.Shown(text)}' is not a trainer id: use 1 to {Slug.MaxLength} of A-Z a-z 0-9 . _ - " +
            "and start with a letter or a digit.");

    public static bool TryParse(string? text, out TrainerId id)
    {
        bool valid = Slug.IsValid(text, upperCase: true);
        id = valid ? new TrainerId(text!) : default;
        return valid;
    }

    public int CompareTo(TrainerId other) => string.CompareOrdinal(_text, other._text);
    public override string ToString() => _text ?? "";

    public static bool operator <(TrainerId left, TrainerId right) => left.CompareTo(right) < 0;
    public static bool operator >(TrainerId left, TrainerId right) => left.CompareTo(right) > 0;
    public static bool operator <=(TrainerId left, TrainerId right) => left.CompareTo(right) <= 0;
    public static bool operator >=(TrainerId left, TrainerId right) => left.CompareTo(right) >= 0;
}

/// <summary>The name of a run: 1 to 63 characters of <c>a-z 0-9 . _ -</c>, the first a letter or a digit.</summary>
public readonly record struct RunId
{
    private readonly string? _text;

    private RunId(string text) => _text = text;

    /// <exception cref="FormatException">Not a valid name.</exception>
    public static RunId Parse(string text) => TryParse(text, out var id)
        ? id
        : throw new FormatException(
            $"'{Slug.Shown(text)}' is not a run name: use 1 to {Slug.MaxLength} of a-z 0-9 . _ - " +
            "and start with a letter or a digit.");

    public static bool TryParse(string? text, out RunId id)
    {
        bool valid = Slug.IsValid(text, upperCase: false);
        id = valid ? new RunId(text!) : default;
        return valid;
    }

    public override string ToString() => _text ?? "";
}

/// <summary>
/// Tells repetitions of one request from other requests: 1 to 64 characters of <c>A-Z a-z 0-9 . _ -</c>, the first a
/// letter or a digit. The default value is no key.
/// </summary>
public readonly record struct RequestKey
{
    /// <summary>As long as a SHA-256 in hexadecimal, or a UUID and a prefix.</summary>
    public const int MaxLength = 64;

    private readonly string? _text;

    private RequestKey(string text) => _text = text;

    public bool IsSet => _text is not null;

    /// <exception cref="FormatException">Not a valid key.</exception>
    public static RequestKey Parse(string text) => TryParse(text, out var key)
        ? key
        : throw new FormatException(
            $"'{Slug.Shown(text)}' is not a request key: use 1 to {MaxLength} of A-Z a-z 0-9 . _ - " +
            "and start with a letter or a digit.");

    public static bool TryParse(string? text, out RequestKey key)
    {
        bool valid = Slug.IsValid(text, upperCase: true, MaxLength);
        key = valid ? new RequestKey(text!) : default;
        return valid;
    }

    public override string ToString() => _text ?? "";
}

internal static class Slug
{
    /// <summary>Longest name: 63, as for a DNS label, so a name fits wherever a host name does.</summary>
    public const int MaxLength = 63;

    public static bool IsValid(string? text, bool upperCase, int charsMax = MaxLength)
    {
        if (text is null or "" || text.Length > charsMax || !IsAlphanumeric(text[0], upperCase)) return false;
        foreach (char c in text)
            if (!IsAlphanumeric(c, upperCase) && c is not ('.' or '_' or '-')) return false;
        return true;
    }

    /// <summary>
    /// Text from outside, made safe for an error message: no control characters, at most 80 characters.
    /// </summary>
    public static string Shown(string? text)
    {
        text ??= "";
        if (text.Length > 80) text = text[..80] + "…";
        return string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
    }

    private static bool IsAlphanumeric(char c, bool upperCase) =>
        char.IsAsciiDigit(c) || char.IsAsciiLetterLower(c) || (upperCase && char.IsAsciiLetterUpper(c));
}
