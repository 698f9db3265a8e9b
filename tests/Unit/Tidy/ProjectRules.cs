using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace Quorate.Unit.Tidy;

/// <summary>
/// What each project may reference. A project of src that is not listed here is one nobody has thought about.
/// </summary>
internal static class ProjectRules
{
    private static readonly Dictionary<string, string[]> MayReference = new()
    {
        ["src/Rounds"] = [],
        ["src/Pt"] = [],
        ["src/Aggregation"] = ["Pt"],
        ["src/Settings"] = [],
        ["src/Shared"] = ["Rounds", "Pt"],
        ["src/Client"] = ["Rounds", "Pt", "Shared"],
        ["src/Coordinator"] = ["Rounds", "Pt", "Aggregation", "Settings", "Shared"],
        ["src/Trainer"] = ["Rounds", "Pt", "Settings", "Shared", "Client"],
        ["src/Chaos"] = ["Rounds", "Pt", "Shared", "Client"],
        ["src/Cli"] = ["Rounds", "Shared", "Chaos"],
        ["chaos-tests"] = ["Shared", "Chaos"],
        ["benchmarks"] = ["Shared", "Client", "Chaos"],
        ["benchmarks/Micro"] = ["Shared", "Coordinator"], // It measures parts of a coordinator and promises nothing.
    };

    private static readonly (string Package, string Folder)[] Homes =
    [
        (@"^DotNext\b", "src/Coordinator"),
        (@"^Grpc\.AspNetCore\b", "src/Coordinator"),
        (@"^(TorchSharp|libtorch)\b", "src/Trainer"),
    ];

    /// <summary>Everything that <paramref name="file"/>, an MSBuild file, references against the rules.</summary>
    public static IEnumerable<Finding> Broken(SourceFile file)
    {
        var xml = XDocument.Parse(string.Join('\n', file.Lines), LoadOptions.SetLineInfo);
        return [.. References(file, xml), .. Packages(file, xml)];
    }

    private static IEnumerable<Finding> References(SourceFile file, XDocument xml)
    {
        if (!file.Path.EndsWith(".csproj", StringComparison.Ordinal)) yield break;
        string folder = file.Path[..file.Path.LastIndexOf('/')];
        bool guarded = MayReference.TryGetValue(folder, out string[]? allowed);
        if (!guarded && file.IsUnder("src"))
            yield return new Finding(file.Path, 0, "a project without a rule: add it to ProjectRules");
        if (!guarded) yield break;
        foreach (var (reference, name) in Included(xml, "ProjectReference"))
        {
            string project = Path.GetFileNameWithoutExtension(name);
            bool builtOnly = (string?)reference.Attribute("ReferenceOutputAssembly") == "false"
                && folder is "src/Cli" or "chaos-tests" or "benchmarks";
            if (!builtOnly && !allowed!.Contains(project))
                yield return At(
                    file, reference,
                    $"{folder} references {project}; it may reference [{string.Join(", ", allowed!)}]");
        }
    }

    private static IEnumerable<Finding> Packages(SourceFile file, XDocument xml)
    {
        foreach (var (reference, name) in Included(xml, "PackageReference"))
        {
            if (file.IsUnder("src/Rounds"))
                yield return At(file, reference, $"Rounds has no packages, not even {name}");
            foreach (var (package, home) in Homes)
                if (Regex.IsMatch(name, package) && !file.IsUnder(home))
                    yield return At(file, reference, $"package {name} belongs to {home} only");
        }
    }

    private static IEnumerable<(XElement Element, string Name)> Included(XDocument xml, string element) =>
        from e in xml.Descendants(element)
        let name = (string?)e.Attribute("Include")
        where name is not null
        select (e, name.Replace('\\', '/'));

    private static Finding At(SourceFile file, IXmlLineInfo element, string rule) =>
        new(file.Path, element.LineNumber, rule);
}
