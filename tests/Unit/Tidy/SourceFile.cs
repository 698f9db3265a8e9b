using System.Text.RegularExpressions;

namespace Quorate.Unit.Tidy;

/// <summary>A text file of the repository, with its path from the root and forward slashes.</summary>
internal sealed partial record SourceFile(string Path, IReadOnlyList<string> Lines)
{
    private static readonly string[] _roots = ["src", "tests", "chaos-tests", "benchmarks"];

    /// <summary>The folder of Cluster.sln.</summary>
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    /// <summary>
    /// The lines without comments, accurate enough to search for names.
    /// </summary>
    public IReadOnlyList<string> Code => [.. Lines.Select(line => Comment().Replace(line, ""))];

    /// <summary>Whether the file is below a folder such as <c>src/Rounds</c>.</summary>
    public bool IsUnder(string folder) => Path.StartsWith(folder + "/", StringComparison.Ordinal);

    /// <summary>All files with one of these endings, sorted by path.</summary>
    public static IEnumerable<SourceFile> All(params string[] endings) =>
        from root in _roots.Select(folder => System.IO.Path.Combine(Root, folder)).Where(Directory.Exists)
        from file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
        let path = System.IO.Path.GetRelativePath(Root, file).Replace('\\', '/')
        where endings.Any(ending => path.EndsWith(ending, StringComparison.Ordinal))
        where !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal)
        orderby path
        select new SourceFile(path, File.ReadAllLines(file));

    public static SourceFile Of(string path, string text) => new(path, text.ReplaceLineEndings("\n").Split('\n'));

    private static string FindRoot(string folder) => File.Exists(System.IO.Path.Combine(folder, "Cluster.sln"))
        ? folder
        : FindRoot(System.IO.Path.GetDirectoryName(folder)
            ?? throw new DirectoryNotFoundException("No Cluster.sln above the tests."));

    /// <summary>From two slashes to the end, except in an address such as http://.</summary>
    [GeneratedRegex(@"(?<!:)//.*$")]
    private static partial Regex Comment();
}

/// <summary>A rule broken at a line; line 0 means the whole file.</summary>
internal sealed record Finding(string Path, int Line, string Rule)
{
    public override string ToString() => $"{Path}:{Line}: {Rule}";
}
