using System.Text.RegularExpressions;

namespace Quorate.Unit.Tidy;

/// <summary>The walls between the folders and the rules of the house, as far as a text shows them.</summary>
internal static partial class CodeRules
{
    private const int LinesMax = 350, TestLinesMax = 450, ColumnsMax = 120;

    private static readonly string[] GrpcServerFolders =
        ["src/Coordinator/Doors", "src/Coordinator/Peering", "src/Shared/Transfer"];

    /// <summary>Everything that <paramref name="file"/>, a C# file, does against the rules.</summary>
    public static IEnumerable<Finding> Broken(SourceFile file) =>
        [.. Size(file), .. Namespace(file), .. Words(file), .. Walls(file)];

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
        if (line < 0 && !program) yield return new Finding(file.Path, 0, $"no namespace; {due} is due");
        if (line >= 0 && file.Lines[line] != $"namespace {due};")
            yield return new Finding(file.Path, line + 1,
                $"the namespace is not its folder's: 'namespace {due};' is due");
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
                yield return new Finding(file.Path, i + 1, $"'{mark.Value}': do it, or open an issue");
            if (VagueType().Match(file.Lines[i]) is { Success: true } type)
                yield return new Finding(file.Path, i + 1, $"type '{type.Groups[1].Value}': name what it is");
        }
    }

    private static IEnumerable<Finding> Walls(SourceFile file)
    {
        if (!file.IsUnder("src")) return [];
        bool coordinator = file.IsUnder("src/Coordinator"), trainer = file.IsUnder("src/Trainer");
        bool grpcServer = GrpcServerFolders.Any(file.IsUnder) || file.Path == "src/Coordinator/CoordinatorNode.cs";
        return
        [
            .. file.IsUnder("src/Rounds") ? Named(file, Impure(), "Rounds is pure") : [],
            .. Named(file, DotNext(), "DotNext is named under Coordinator/Consensus/DotNext only",
                file.IsUnder("src/Coordinator/Consensus/DotNext")),
            .. Named(file, RaftFolder(), "only CoordinatorNode opens the log; the rest knows IReplicatedLog",
                file.IsUnder("src/Coordinator/Consensus") || file.Path == "src/Coordinator/CoordinatorNode.cs"),
            .. Named(file, Torch(), "torch is named in Trainer only", trainer),
            .. Named(file, GrpcServer(),
                "gRPC server types stand in Doors, Peering, CoordinatorNode and Transfer only", grpcServer),
            .. Named(file, CoordinatorName(), "only Coordinator knows Coordinator", coordinator),
            .. Named(file, TrainerName(), "only Trainer knows Trainer", trainer),
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

    // The marks are split so that this file does not break its own rule.
    [GeneratedRegex(@"\b(TO" + @"DO|FIX" + @"ME|HA" + @"CK)\b")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\b(?:class|record|struct|interface|enum)\s+(\w*(?:Manager|Helper|Util)\w*)")]
    private static partial Regex VagueType();

    [GeneratedRegex(
        @"\b(Task|ValueTask|async|await|Thread|Timer|TimeProvider|DateTime|DateTimeOffset|Stopwatch|Environment|File|" +
        @"Directory|FileStream|Random|RandomNumberGenerator|Guid|HashCode|Console|ILogger|HashSet|Dictionary)\b" +
        @"|^using System\.(IO|Threading|Net|Diagnostics)\b|\.GetHashCode\(")]
    private static partial Regex Impure();

    /// <summary>The library, and not the folder of ours that uses it.</summary>
    [GeneratedRegex(@"(?<!\bConsensus\.)\bDotNext\.(?!ReplicatedLog\b)")]
    private static partial Regex DotNext();

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
