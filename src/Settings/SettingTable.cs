using System.Text;

namespace Quorate.Settings;

/// <summary>Settings as a table of docs/SETTINGS.md.</summary>
public static class SettingTable
{
    private const string End = "<!-- end of the generated table -->\n";

    /// <summary>The page with the generated table of <paramref name="name"/> between its marks replaced.</summary>
    /// <exception cref="FormatException">The page has no such marks.</exception>
    public static string Refresh(string page, string name, IEnumerable<Setting> settings)
    {
        string mark = $"<!-- generated from the declarations: {name} -->\n";
        int begin = page.IndexOf(mark, StringComparison.Ordinal);
        int end = begin < 0 ? -1 : page.IndexOf(End, begin, StringComparison.Ordinal);
        if (end < 0) throw new FormatException($"The page lacks the lines '{mark.Trim()}' and '{End.Trim()}'.");
        return page[..(begin + mark.Length)] + Markdown(settings) + page[end..];
    }

    private static string Markdown(IEnumerable<Setting> settings)
    {
        var table = new StringBuilder("\n| flag | range | default | |\n| --- | --- | --- | --- |\n");
        foreach (var setting in settings)
        {
            string range = setting.Range.Replace("|", "\\|", StringComparison.Ordinal);
            table.Append(null, $"| `{setting.Flag}` | {range} | {setting.DefaultText} | {setting.Reason} |\n");
        }
        return table.Append('\n').ToString();
    }
}
