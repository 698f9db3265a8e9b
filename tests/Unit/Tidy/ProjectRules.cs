using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace Quorate.Unit.Tidy;

/// <summary>
/// What each project may reference. Every project of src must be listed here.
/// </summary>
internal static class ProjectRules
{
    private static readonly Dictionary<string, string[]> _mayReference = new()
    {
        ["src/Rounds"] = [],
        ["src/Pt"] = [],
        ["src/Aggregation"] = ["Pt"],
        ["src/Settings"] = [],
        ["src/Shared"] = ["Rounds", "Pt"],
        ["src/Client"] = ["Rounds", "Pt", "Shared"],
        ["src/Coordinator"] = ["Rounds", "Pt", "Aggregation", "Settings", "Shared"],
        ["src/Trainer"] = ["Rounds", "Pt", "Settings", "Shared", "Client"],
        ["src/Chaos"] = ["Rounds", "Pt", "Aggregation", "Shared", "Client"],
        ["src/Cli"] = ["Rounds", "Shared", "Chaos"],
        ["chaos-tests"] = ["Shared", "Chaos"],
        ["benchmarks"] = ["Shared", "Client", "Chaos"],
        ["benchmarks/Micro"] = ["Shared", "Coordinator"], // It measures parts of a coordinator.
    };

    private static readonly (string Package, string Folder)[] _homes =
    [
        (@"^DotNext\b", "src/Coordinator"),
        (@"^Grpc\.AspNetCore\b", "src/Coordinator"),
        (@"^(TorchSharp|libtorch)\b", "src/Trainer"),
    ];

    /// <summary>Every rule that an MSBuild file breaks.</summary>
    public static IEnumerable<Finding> Broken(SourceFile file)
    {
        var xml = XDocument.Parse(string.Join('\n', file.Lines), LoadOptions.SetLineInfo);
        return [.. References(file, xml), .. Packages(file, xml)];
    }

    private static IEnumerable<Finding> References(SourceFile file, XDocument xml)
    {
        if (!file.Path.EndsWith(".csproj", StringComparison.Ordinal)) yield break;
        string folder = file.Path[..file.Path.LastIndexOf('/')];
        bool guarded = _mayReference.TryGetValue(folder, out string[]? allowed);
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
                yield return At(file, reference, $"Rounds must not reference packages, such as {name}");
            foreach (var (package, home) in _homes)
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
