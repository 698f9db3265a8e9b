using System.Globalization;
using System.Text;

namespace Quorate.Shared.Text;

/// <summary>Text that people read on a terminal or in a log.</summary>
public static class PlainText
{
    /// <summary>
    /// The text as a single line that cannot control a terminal or hide a part of itself. Control characters, line
    /// breaks, invisible characters, those that change the direction of writing, and unpaired surrogates become
    /// <c>\uXXXX</c>, which JSON reads as the same character. What comes from a file or the network passes through here
    /// before it is printed or logged.
    /// </summary>
    public static string Escape(string text)
    {
        StringBuilder? safe = null;
        for (int at = 0, length; at < text.Length; at += length)
        {
            bool whole = Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out length)
                is System.Buffers.OperationStatus.Done;
            bool shown = whole && !IsHidden(Rune.GetUnicodeCategory(rune));
            if (!shown) safe ??= new StringBuilder(text, 0, at, text.Length + 16);
            if (shown) safe?.Append(text, at, length);
            else foreach (char c in text[at..(at + length)]) safe!.Append($"\\u{(int)c:x4}");
        }
        return safe?.ToString() ?? text;
    }

    /// <summary>"1 trainer", "2 trainers".</summary>
    public static string Count(long count, string noun) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");

    private static bool IsHidden(UnicodeCategory category) => category is UnicodeCategory.Control
        or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
