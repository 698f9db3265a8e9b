namespace Quorate.Unit.Tidy;

/// <summary>The rules themselves: bad code is found at its line, good code is not.</summary>
public sealed class WallTests
{
    [Theory]
    [InlineData("src/Rounds/X.cs", "namespace Quorate.Rounds;\nvar t = Task.CompletedTask;", 2,
        "'Task': Rounds is pure")]
    [InlineData("src/Rounds/X.cs", "namespace Quorate.Rounds;\nlong Now() => DateTime.UtcNow.Ticks;", 2,
        "'DateTime': Rounds is pure")]
    [InlineData("src/Rounds/X.cs", "using System.IO;\nnamespace Quorate.Rounds;", 1,
        "'using System.IO': Rounds is pure")]
    [InlineData("src/Rounds/X.cs", "namespace Quorate.Rounds;\nreturn File.ReadAllText(x);", 2,
        "'File': Rounds is pure")]
    [InlineData("src/Rounds/X.cs", "namespace Quorate.Rounds;\nConsole.WriteLine();", 2, "'Console': Rounds is pure")]
    [InlineData("src/Rounds/X.cs", "namespace Quorate.Rounds;\nnew Random(1);", 2, "'Random': Rounds is pure")]
    [InlineData("src/Rounds/X.cs", "namespace Quorate.Rounds;\nx.GetHashCode()", 2, "'.GetHashCode(': Rounds is pure")]
    [InlineData(
        "src/Coordinator/Driving/X.cs", "using DotNext.Threading;\nnamespace Quorate.Coordinator.Driving;", 1,
        "'DotNext.': DotNext may be named only in Coordinator/Consensus/DotNext")]
    [InlineData("src/Shared/X.cs", "namespace Quorate.Shared;\nTorchSharp.torch.zeros(1);", 2,
        "'TorchSharp': torch may be named only in Trainer")]
    [InlineData("src/Coordinator/X.cs", "namespace Quorate.Coordinator;\nusing Quorate.Trainer;", 2,
        "'Quorate.Trainer': only Trainer may use Trainer")]
    [InlineData(
        "src/Trainer/X.cs", "namespace Quorate.Trainer;\nusing Quorate.Coordinator.Blobs;", 2,
        "'Quorate.Coordinator': only Coordinator may use Coordinator")]
    [InlineData(
        "src/Coordinator/Driving/X.cs", "namespace Quorate.Coordinator.Driving;\nvoid F(ServerCallContext c)", 2,
        "'ServerCallContext': gRPC server types belong to Doors, Peering, CoordinatorNode and Transfer")]
    [InlineData("src/Pt/X.cs", "namespace Quorate.Shared;", 1,
        "the namespace differs from the folder: 'namespace Quorate.Pt;' is expected")]
    [InlineData("src/Shared/X.cs", "namespace Quorate.Shared\n{", 1,
        "the namespace differs from the folder: 'namespace Quorate.Shared;' is expected")]
    [InlineData("chaos-tests/X.cs", "namespace Quorate.Other;", 1,
        "the namespace differs from the folder: 'namespace Quorate.ChaosTests;' is expected")]
    [InlineData("src/Cli/X.cs", "class X;", 0, "no namespace; Quorate.Cli is expected")]
    [InlineData("src/Cli/X.cs", "namespace Quorate.Cli;\ncla" + "ss BlobManager;", 2,
        "type 'BlobManager': name what it is")]
    [InlineData("tests/Unit/X.cs", "namespace Quorate.Unit;\nstatic cla" + "ss Utils;", 2,
        "type 'Utils': name what it is")]
    [InlineData("tests/Unit/X.cs", "namespace Quorate.Unit;\n// TO" + "DO: later", 2,
        "'TO" + "DO': do it or open an issue")]
    [InlineData("benchmarks/X.cs", "using Limits = Quorate.Rounds.Limits;\nnamespace Quorate.Benchmarks;", 1,
        "an alias of a Quorate type: rename the type instead")]
    [InlineData("src/Cli/X.cs", "namespace Quorate.Cli;\n    private static readonly string[] Names = [];", 2,
        "'Names': private fields are _camelCase")]
    [InlineData("src/Cli/X.cs", "namespace Quorate.Cli;\n    private Dictionary<int, (int A, int B)> Names;", 2,
        "'Names': private fields are _camelCase")]
    [InlineData("src/Pt/X.cs", "namespace Quorate.Pt;\n#if DEBUG", 2, "'#if': production code has one meaning")]
    [InlineData("src/Coordinator/X.cs", "namespace Quorate.Coordinator;\n    [LoggerMessage(7, LogLevel.Debug)]", 2,
        "the id of a log event is not in EventIds")]
    public void Bad_code_is_found_at_its_line(string path, string text, int line, string rule) =>
        Assert.Equal([new Finding(path, line, rule)], CodeRules.Broken(SourceFile.Of(path, text)));

    [Theory]
    [InlineData("src/Rounds/X.cs",
        "namespace Quorate.Rounds;\n/// No Task, no DateTime.\nInvalidDataException e; // Random")]
    [InlineData("src/Coordinator/Consensus/DotNext/X.cs",
        "using DotNext.IO;\n\nnamespace Quorate.Coordinator.Consensus.DotNext;")]
    [InlineData("src/Coordinator/Doors/X.cs", "namespace Quorate.Coordinator.Doors;\nvoid F(ServerCallContext c)")]
    [InlineData("src/Coordinator/CoordinatorNode.cs", "namespace Quorate.Coordinator;\napp.MapGrpcService<X>();")]
    [InlineData("src/Trainer/Models/X.cs", "using static TorchSharp.torch;\n\nnamespace Quorate.Trainer.Models;")]
    [InlineData("tests/Unit/Rounds/X.cs", "namespace Quorate.Unit.Rounds;\nvar t = Task.CompletedTask;")]
    [InlineData("chaos-tests/Kills/X.cs", "namespace Quorate.ChaosTests.Kills;")]
    public void Good_code_is_accepted(string path, string text) =>
        Assert.Empty(CodeRules.Broken(SourceFile.Of(path, text)));

    [Fact]
    public void Short_files_of_src_are_counted() => Assert.Equal(
        ["src/Pt/Short.cs"],
        CodeRules.Satellites(
        [
            SourceFile.Of("src/Pt/Short.cs", new string('\n', 23)),
            SourceFile.Of("src/Pt/Long.cs", new string('\n', 24)), SourceFile.Of("tests/Unit/Short.cs", ""),
        ]));

    [Fact]
    public void Long_files_and_long_lines_are_found()
    {
        string lines = string.Concat(Enumerable.Repeat("\n", 350));
        Assert.Equal(
            [new Finding("src/Cli/X.cs", 0, "351 lines, 350 allowed")],
            CodeRules.Broken(SourceFile.Of("src/Cli/X.cs", "namespace Quorate.Cli;" + lines)));
        Assert.Empty(CodeRules.Broken(SourceFile.Of("tests/Unit/X.cs", "namespace Quorate.Unit;" + lines)));

        string Wide(int columns) => $"namespace Quorate.Cli;\n//{new string('-', columns - 2)}";
        Assert.Empty(CodeRules.Broken(SourceFile.Of("src/Cli/X.cs", Wide(120))));
        Assert.Equal(
            [new Finding("src/Cli/X.cs", 2, "121 columns, 120 allowed")],
            CodeRules.Broken(SourceFile.Of("src/Cli/X.cs", Wide(121))));
    }

    [Theory]
    [InlineData("src/Rounds/Rounds.csproj", "Package", "X", "Rounds must not reference packages, such as X")]
    [InlineData("src/Rounds/Rounds.csproj", "Project", "../Shared/Shared.csproj",
        "src/Rounds references Shared; it may reference []")]
    [InlineData(
        "src/Coordinator/Coordinator.csproj", "Project", "../Trainer/Trainer.csproj",
        "src/Coordinator references Trainer; it may reference [Rounds, Pt, Aggregation, Settings, Shared]")]
    [InlineData(
        "src/Trainer/Trainer.csproj", "Project", @"..\Coordinator\Coordinator.csproj",
        "src/Trainer references Coordinator; it may reference [Rounds, Pt, Settings, Shared, Client]")]
    [InlineData(
        "chaos-tests/ChaosTests.csproj", "Project", "../src/Coordinator/Coordinator.csproj",
        "chaos-tests references Coordinator; it may reference [Shared, Chaos]")]
    [InlineData(
        "benchmarks/Benchmarks.csproj", "Project", "../src/Coordinator/Coordinator.csproj",
        "benchmarks references Coordinator; it may reference [Shared, Client, Chaos]")]
    [InlineData("src/Shared/Shared.csproj", "Package", "TorchSharp-cuda-linux",
        "package TorchSharp-cuda-linux belongs to src/Trainer only")]
    [InlineData("src/Cli/x.targets", "Package", "libtorch-cpu-linux-x64",
        "package libtorch-cpu-linux-x64 belongs to src/Trainer only")]
    [InlineData("src/Trainer/Trainer.csproj", "Package", "DotNext.Net.Cluster",
        "package DotNext.Net.Cluster belongs to src/Coordinator only")]
    [InlineData("src/Shared/Shared.csproj", "Package", "Grpc.AspNetCore",
        "package Grpc.AspNetCore belongs to src/Coordinator only")]
    public void A_bad_reference_is_found(string path, string kind, string name, string rule) =>
        Assert.Equal([new Finding(path, 2, rule)],
            ProjectRules.Broken(Project(path, $"<{kind}Reference Include=\"{name}\" />")));

    [Fact]
    public void A_project_without_a_rule_is_found() =>
        Assert.Equal(
            [new Finding("src/New/New.csproj", 0, "a project without a rule: add it to ProjectRules")],
            ProjectRules.Broken(Project("src/New/New.csproj", "")));

    [Theory]
    [InlineData("src/Coordinator/Coordinator.csproj", "<PackageReference Include=\"DotNext.Net.Cluster\" />")]
    [InlineData("src/Trainer/Trainer.csproj", "<ProjectReference Include=\"../Shared/Shared.csproj\" />")]
    [InlineData("tests/Torch/Torch.csproj", "<ProjectReference Include=\"../../src/Trainer/Trainer.csproj\" />")]
    [InlineData("benchmarks/Micro/Micro.csproj",
        "<ProjectReference Include=\"../../src/Coordinator/Coordinator.csproj\" />")]
    [InlineData("chaos-tests/ChaosTests.csproj",
        "<ProjectReference Include=\"../src/Cli/Cli.csproj\" ReferenceOutputAssembly=\"false\" />")]
    public void A_good_reference_is_accepted(string path, string reference) =>
        Assert.Empty(ProjectRules.Broken(Project(path, reference)));

    /// <summary>If the root moved, every rule would pass without reading anything.</summary>
    [Fact]
    public void The_rules_read_this_repository()
    {
        var paths = SourceFile.All(".cs", ".csproj").Select(file => file.Path).ToArray();
        Assert.Contains("tests/Unit/Tidy/WallTests.cs", paths);
        Assert.Contains("src/Rounds/RoundMachine.cs", paths);
        Assert.Contains("chaos-tests/ChaosTests.csproj", paths);
        Assert.DoesNotContain(paths, path => path.Contains("/obj/", StringComparison.Ordinal));
    }

    private static SourceFile Project(string path, string item) =>
        SourceFile.Of(path, $"<Project>\n{item}\n</Project>");
}
