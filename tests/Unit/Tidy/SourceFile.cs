using System.Text.RegularExpressions;

namespace Quorate.Unit.Tidy;

/// <summary>A text of the repository, by its path from the root with forward slashes.</summary>
internal sealed partial record SourceFile(string Path, IReadOnlyList<string> Lines)
{
    private static readonly string[] Roots = ["src", "tests", "chaos-tests", "benchmarks"];

    /// <summary>The folder of Cluster.sln.</summary>
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    /// <summary>
    /// The lines without their comments: what the compiler sees, near enough to look for names in it.
    /// </summary>
    public IReadOnlyList<string> Code => [.. Lines.Select(line => Comment().Replace(line, ""))];

    /// <summary>Whether the file lies below <paramref name="folder"/>, such as <c>src/Rounds</c>.</summary>
    public bool IsUnder(string folder) => Path.StartsWith(folder + "/", StringComparison.Ordinal);

    /// <summary>Every file of the code's folders with one of these endings, in order.</summary>
    public static IEnumerable<SourceFile> All(params string[] endings) =>
        from root in Roots.Select(folder => System.IO.Path.Combine(Root, folder)).Where(Directory.Exists)
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

    /// <summary>From two slashes to the end, unless they stand in an address such as http://.</summary>
    [GeneratedRegex(@"(?<!:)//.*$")]
    private static partial Regex Comment();
}

/// <summary>A rule broken at a line; line 0 stands for the whole file.</summary>
internal sealed record Finding(string Path, int Line, string Rule)
{
    public override string ToString() => $"{Path}:{Line}: {Rule}";
}
