using System.Text;

namespace Quorate.Cli.Show;

/// <summary>Lines as rows of a terminal.</summary>
internal static class Rows
{
    private static readonly (int First, int Last)[] _wide =
    [
        (0x1100, 0x115f), (0x2e80, 0xa4cf), (0xac00, 0xd7a3), (0xf900, 0xfaff), (0xfe30, 0xfe6f), (0xff00, 0xff60),
        (0xffe0, 0xffe6), (0x1f300, 0x1faff), (0x20000, 0x3fffd),
    ];

    /// <summary>The columns that a text takes. Chinese characters, for example, take two each.</summary>
    public static int Cells(string text)
    {
        int cells = text.Length;
        foreach (var rune in text.EnumerateRunes())
            if (rune.Value >= _wide[0].First)
                cells += 1 - rune.Utf16SequenceLength
                    + (_wide.Any(range => rune.Value >= range.First && rune.Value <= range.Last) ? 1 : 0);
        return cells;
    }

    /// <summary>The text in one row; what has no room is replaced by "…".</summary>
    public static string Fit(string text, int width)
    {
        if (Cells(text) <= width) return text;
        var fitted = new StringBuilder();
        int left = width - 1;
        foreach (var rune in text.EnumerateRunes())
        {
            string one = rune.ToString();
            left -= Cells(one);
            if (left < 0) break;
            fitted.Append(one);
        }
        return fitted.Append('…').ToString();
    }

    /// <summary>
    /// The text in rows that are broken at spaces; all but the first are indented. A word longer than a row, such as a
    /// path, stays whole in a row of its own, so that it can be copied.
    /// </summary>
    public static IEnumerable<string> Wrap(string text, int width, string indent = "")
    {
        while (Cells(text) > width)
        {
            int end = text.IndexOf(' ', text.Length - text.TrimStart().Length);
            if (end < 0) break;
            for (int next = end; next >= 0 && Cells(text[..next]) <= width; next = text.IndexOf(' ', next + 1))
                end = next;
            yield return text[..end];
            text = indent + text[end..].TrimStart();
        }
        yield return text;
    }

    /// <summary>As many of the blocks as have room, and how many there are more.</summary>
    /// <param name="blocks">Rows that are shown together or not at all.</param>
    /// <param name="room">Rows.</param>
    /// <param name="total">The number of all blocks, if <paramref name="blocks"/> does not hold all of them.</param>
    public static IEnumerable<string> Few(IReadOnlyList<IReadOnlyList<string>> blocks, int room, int total = 0)
    {
        total = Math.Max(total, blocks.Count);
        if (room <= 0) yield break;
        bool all = total == blocks.Count && blocks.Sum(block => block.Count) <= room;
        int shown = 0;
        for (int left = all ? room : room - 1; shown < blocks.Count && blocks[shown].Count <= left; shown++)
        {
            left -= blocks[shown].Count;
            foreach (string row in blocks[shown]) yield return row;
        }
        if (shown < total) yield return $"  … {total - shown} more";
    }

    /// <summary>Items side by side, three spaces apart, in as many rows as they need.</summary>
    /// <param name="cells">The columns that an item takes.</param>
    public static IEnumerable<IReadOnlyList<T>> Flow<T>(IEnumerable<T> items, Func<T, int> cells, int width)
    {
        var row = new List<T>();
        int used = 0;
        foreach (var item in items)
        {
            int needed = cells(item) + (row.Count > 0 ? 3 : 0);
            if (row.Count > 0 && used + needed > width)
            {
                yield return row;
                (row, used, needed) = ([], 0, cells(item));
            }
            row.Add(item);
            used += needed;
        }
        if (row.Count > 0) yield return row;
    }
}
