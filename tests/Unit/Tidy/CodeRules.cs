using System.Text.RegularExpressions;

namespace Quorate.Unit.Tidy;

/// <summary>The walls between the folders and the rules of CONTRIBUTING.md that a file's text shows.</summary>
internal static partial class CodeRules
{
    private const int LinesMax = 350, TestLinesMax = 450, ColumnsMax = 120, SatelliteLines = 25;

    private static readonly string[] _grpcServerFolders =
        ["src/Coordinator/Doors", "src/Coordinator/Peering", "src/Shared/Transfer"];

    /// <summary>Every rule that a C# file breaks.</summary>
    public static IEnumerable<Finding> Broken(SourceFile file) =>
        [.. Size(file), .. Namespace(file), .. Words(file), .. Style(file), .. Walls(file)];

    /// <summary>Files of src that are so short that they usually belong to another file.</summary>
    public static IEnumerable<string> Satellites(IEnumerable<SourceFile> files) =>
        files.Where(file => file.IsUnder("src") && file.Lines.Count < SatelliteLines).Select(file => file.Path);

    private static IEnumerable<Finding> Size(SourceFile file)
    {
        int most = file.IsUnder("src") ? LinesMax : TestLinesMax;
        if (file.Lines.Count > most)
            yield return new Finding(file.Path, 0, $"{file.Lines.Count} lines, {most} allowed");
        for (int i = 0; i < file.Lines.Count; i++)
            if (file.Lines[i].Length > ColumnsMax)
                yield return new Finding(file.Path, i + 1, $"{file.Lines[i].Length} columns, {ColumnsMax} allowed");
    }

    private static IEnumerable<Finding> Namespace(SourceFile file)
    {
        int line = file.Lines.ToList().FindIndex(l => l.StartsWith("namespace ", StringComparison.Ordinal));
        bool program = file.Path.EndsWith("/Program.cs", StringComparison.Ordinal);
        string due = DueNamespace(file.Path);
        if (line < 0 && !program) yield return new Finding(file.Path, 0, $"no namespace; {due} is expected");
        if (line >= 0 && file.Lines[line] != $"namespace {due};")
            yield return new Finding(file.Path, line + 1,
                $"the namespace differs from the folder: 'namespace {due};' is expected");
    }

    /// <summary>
    /// src/Coordinator/Blobs/X.cs -> Quorate.Coordinator.Blobs; chaos-tests/X.cs -> Quorate.ChaosTests.
    /// </summary>
    private static string DueNamespace(string path)
    {
        string[] folders = path.Split('/')[..^1];
        string[] names = folders[0] is "src" or "tests"
            ? folders[1..]
            : [.. ProjectAtRoot(folders[0]), .. folders[1..]];
        return string.Join('.', ["Quorate", .. names]);

        static string[] ProjectAtRoot(string folder) => [folder == "chaos-tests" ? "ChaosTests" : "Benchmarks"];
    }

    private static IEnumerable<Finding> Words(SourceFile file)
    {
        for (int i = 0; i < file.Lines.Count; i++)
        {
            if (Unfinished().Match(file.Lines[i]) is { Success: true } mark)
                yield return new Finding(file.Path, i + 1, $"'{mark.Value}': do it or open an issue");
            if (VagueType().Match(file.Lines[i]) is { Success: true } type)
                yield return new Finding(file.Path, i + 1, $"type '{type.Groups[1].Value}': name what it is");
        }
    }

    private static IEnumerable<Finding> Style(SourceFile file)
    {
        for (int i = 0; i < file.Lines.Count; i++)
        {
            if (Alias().IsMatch(file.Lines[i]))
                yield return new Finding(file.Path, i + 1, "an alias of a Quorate type: rename the type instead");
            if (!file.IsUnder("tests") && PrivateField().Match(file.Lines[i]) is { Success: true } field)
                yield return new Finding(
                    file.Path, i + 1, $"'{field.Groups[1].Value}': private fields are _camelCase");
            if (!file.IsUnder("src")) continue;
            if (file.Lines[i].TrimStart().StartsWith("#if", StringComparison.Ordinal))
                yield return new Finding(file.Path, i + 1, "'#if': production code has one meaning");
            string next = i + 1 < file.Lines.Count ? file.Lines[i + 1].Trim() : "";
            if (file.Lines[i].Contains("[LoggerMessage(", StringComparison.Ordinal)
                && !LogEvent().IsMatch(file.Lines[i] + next))
                yield return new Finding(file.Path, i + 1, "the id of a log event is not in EventIds");
        }
    }

    private static IEnumerable<Finding> Walls(SourceFile file)
    {
        if (!file.IsUnder("src")) return [];
        bool coordinator = file.IsUnder("src/Coordinator"), trainer = file.IsUnder("src/Trainer");
        bool grpcServer = _grpcServerFolders.Any(file.IsUnder) || file.Path == "src/Coordinator/CoordinatorNode.cs";
        return
        [
            .. file.IsUnder("src/Rounds") ? Named(file, Impure(), "Rounds is pure") : [],
            .. Named(file, DotNext(), "DotNext may be named only in Coordinator/Consensus/DotNext",
                file.IsUnder("src/Coordinator/Consensus/DotNext")),
            .. Named(file, RaftFolder(), "only CoordinatorNode opens the log; other code uses IReplicatedLog",
                file.IsUnder("src/Coordinator/Consensus") || file.Path == "src/Coordinator/CoordinatorNode.cs"),
            .. Named(file, ConsoleClass(), "Show/Output prints, because it escapes what it prints",
                !file.IsUnder("src/Cli") || file.Path == "src/Cli/Show/Output.cs"),
            .. Named(file, Torch(), "torch may be named only in Trainer", trainer),
            .. Named(file, GrpcServer(),
                "gRPC server types belong to Doors, Peering, CoordinatorNode and Transfer", grpcServer),
            .. Named(file, CoordinatorName(), "only Coordinator may use Coordinator", coordinator),
            .. Named(file, TrainerName(), "only Trainer may use Trainer", trainer),
        ];
    }

    private static IEnumerable<Finding> Named(SourceFile file, Regex name, string rule, bool allowed = false)
    {
        if (allowed) yield break;
        var code = file.Code;
        for (int i = 0; i < code.Count; i++)
            if (name.Match(code[i]) is { Success: true } found)
                yield return new Finding(file.Path, i + 1, $"'{found.Value.Trim()}': {rule}");
    }

    // The words are split so that this file does not break its own rule.
    [GeneratedRegex(@"\b(TO" + @"DO|FIX" + @"ME|HA" + @"CK)\b")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\b(?:class|record|struct|interface|enum)\s+(\w*(?:Manager|Helper|Util)\w*)")]
    private static partial Regex VagueType();

    [GeneratedRegex(
        @"\b(Task|ValueTask|async|await|Thread|Timer|TimeProvider|DateTime|DateTimeOffset|Stopwatch|Environment|File|" +
        @"Directory|FileStream|Random|RandomNumberGenerator|Guid|HashCode|Console|ILogger|HashSet|Dictionary)\b" +
        @"|^using System\.(IO|Threading|Net|Diagnostics)\b|\.GetHashCode\(")]
    private static partial Regex Impure();

    /// <summary>The library, not our folder of the same name.</summary>
    [GeneratedRegex(@"(?<!\bConsensus\.)\bDotNext\.(?!ReplicatedLog\b)")]
    private static partial Regex DotNext();

    [GeneratedRegex(@"^\s*(global )?using \w+ = Quorate\b")]
    private static partial Regex Alias();

    [GeneratedRegex(
        @"^\s+private (?:static |readonly |volatile )*(?!const\b)[^=;{]*?[\w>\])?] ([A-Z]\w*)(?: =(?!>)|;)")]
    private static partial Regex PrivateField();

    [GeneratedRegex(@"\[LoggerMessage\(\s*(EventId = )?EventIds\.")]
    private static partial Regex LogEvent();

    [GeneratedRegex(@"\bConsole\.")]
    private static partial Regex ConsoleClass();

    [GeneratedRegex(@"\bConsensus\.DotNext\b")]
    private static partial Regex RaftFolder();

    [GeneratedRegex(@"\b(TorchSharp|libtorch)\b|\busing static .*\btorch\b")]
    private static partial Regex Torch();

    [GeneratedRegex(@"\b(ServerCallContext|Grpc\.AspNetCore|Grpc\.Core\.Interceptors|MapGrpcService|AddGrpc)\b")]
    private static partial Regex GrpcServer();

    [GeneratedRegex(@"\bQuorate\.Coordinator\b(?!\.dll)")]
    private static partial Regex CoordinatorName();

    [GeneratedRegex(@"\bQuorate\.Trainer\b(?!\.dll)")]
    private static partial Regex TrainerName();
}
