using System.Text;

namespace Quorate.Pt;

/// <summary>Text from a file, made safe for error messages.</summary>
internal static class PtText
{
    private const int Shown = 80;

    /// <summary>
    /// UTF-8 that throws on malformed bytes, so that different names never decode to the same text.
    /// </summary>
    public static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// The text in quotation marks, cut to a readable length, with control characters replaced, so that a file cannot
    /// forge log lines.
    /// </summary>
    public static string Quote(string text)
    {
        string cut = text.Length <= Shown ? text : string.Concat(text.AsSpan(0, Shown), "...");
        return $"'{string.Concat(cut.Select(c => char.IsControl(c) ? '?' : c))}'";
    }

    /// <exception cref="PtFormatException">The bytes are not UTF-8.</exception>
    public static string Decode(ReadOnlySpan<byte> utf8, string what)
    {
        try
        {
            return StrictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException)
        {
            throw new PtFormatException($"{what} is not valid UTF-8.");
        }
    }
}
