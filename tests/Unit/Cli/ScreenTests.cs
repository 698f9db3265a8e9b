using Google.Protobuf;
using Quorate.Cli.Commands;
using Quorate.Cli.Show;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Unit.Cli;

/// <summary>What people see on terminals of three sizes, with 5 nodes, 12 trainers and 100 models.</summary>
public sealed class ScreenTests
{
    private const string Reason = "Waiting for 2 more trainers; 10 of 12 are present. Trainer 7 reports: The folder "
        + "/srv/quorate/data/mnist/train is missing; copy it there or name another with --data.";

    private const string Note = "This node refuses uploads: its disk has 310 MiB left, and uploads need 512 MiB. "
        + "Free some space.";

    private static readonly HostsFile _hosts = HostsFile.Parse($$"""
        { "nodes": [
          {{string.Join(",\n", Enumerable.Range(0, 5).Select(id => $$"""
            { "id": {{id}}, "raft": "coordinator-{{id}}.some-department.hospital.example:7100",
              "grpc": "coordinator-{{id}}.some-department.hospital.example:7200" }
            """))}} ] }
        """);

    public static TheoryData<int, int> Sizes => new() { { 80, 24 }, { 100, 30 }, { 120, 40 } };

    private static ByteString Hash(int of) => ByteString.CopyFrom([.. Enumerable.Repeat((byte)of, 32)]);

    private static RunStatus Run(int models)
    {
        var run = new RunStatus
        {
            Run = "mnist-of-five-hospitals", Phase = RunPhase.Training, Round = 100, Rounds = 200, MinTrainers = 12,
            Present = 10, WaitingFor = Reason,
        };
        for (int id = 11; id >= 0; id--)
            run.Trainers.Add(new TrainerStatus
            {
                Trainer = $"{id}", Present = id != 3, Examples = 60_000, Accepted = id % 3 == 0,
                Activity = Activity.Training, Progress = 0.4f,
            });
        for (int id = 0; id < 12; id += 3)
            run.Updates.Add(new UpdateStatus { Trainer = $"{id}", Blob = Hash(id), Examples = 60_000 });
        for (int round = 100 - models; round < 100; round++)
            run.Trail.Add(new ModelStatus
            {
                Round = round, Blob = Hash(round), Length = 4_800_000, Contributors = 12, Examples = 720_000,
                Kept = round >= 90, OpenedAt = 1_000, PublishedAt = 9_000,
                Score = new ScoreStatus
                {
                    Metrics = { ["loss"] = 0.0612, ["accuracy"] = 0.9841, ["examples"] = 10_000 },
                },
            });
        return run;
    }

    private static ClusterView View(int models = 10, int index = 7) => new(
        [
            .. _hosts.Nodes.Select(node => (node, (StatusReply?)new StatusReply
            {
                Node = node.Id, Leader = node.Id == 2, Quorum = true, Term = 12, Index = 123_456 + index,
                Run = Run(models), Notes = { node.Id == 4 ? [Note] : Array.Empty<string>() },
            })).Select(pair => pair.node.Id == 1 ? (pair.node, null) : pair),
        ],
        "config/hosts.json", []);

    private static Snapshot Snapshot() => new("mnist-of-five-hospitals", View(), 12);

    [Theory]
    [MemberData(nameof(Sizes))]
    public void The_watched_status_shows_nodes_and_reasons_and_the_newest_models(int width, int height)
    {
        var terminal = new ScreenTerminal(width, height);
        for (int index = 0; index < 3; index++) StatusCommand.Redraw(terminal.Output(), View(index: index));

        Assert.Empty(terminal.Wrapped);
        Assert.True(terminal.Everything.Count <= height, "it scrolled");
        var roles = terminal.Screen.Where(row => row.StartsWith("node ", StringComparison.Ordinal));
        Assert.Equal(["follower", "unreachable", "leader", "follower", "follower"], roles.Select(row => row.Split(
            ' ', StringSplitOptions.RemoveEmptyEntries)[2]));
        AssertContains($"why nothing happens: {Reason}", terminal.Screen);
        AssertContains($"note from node 4: {Note}", terminal.Screen);
        var trainers = terminal.Screen.Where(row => row.StartsWith("  trainer ", StringComparison.Ordinal)).ToList();
        Assert.Equal(Enumerable.Range(0, trainers.Count), trainers.Select(row => int.Parse(row[10..23])));
        Assert.True(trainers.Count == 12
            || terminal.Screen.Contains($"  … {12 - trainers.Count} more"), "trainers are missing without a word");
        int first = terminal.Screen.Index().First(row => row.Item == "models, the newest first").Index;
        var models = terminal.Screen.Skip(first + 1).Where(row => row.Length > 0).ToList();
        Assert.StartsWith("  round  99", models[0], StringComparison.Ordinal);
        int shown = models.Count(row => row.StartsWith("  round ", StringComparison.Ordinal));
        Assert.True(shown >= 2, "fewer than two models");
        Assert.Equal($"  … {100 - shown} more", models[^1]);
        foreach (int round in Enumerable.Range(100 - shown, shown))
            Assert.Contains(Convert.ToHexStringLower(Hash(round).Span), string.Join('\n', models));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void A_list_of_a_hundred_models_never_breaks_a_hash(int width, int height)
    {
        var terminal = new ScreenTerminal(width, height);
        var output = terminal.Output();

        output.Lines(StatusText.Models(Run(models: 100), output.Width).SelectMany(rows => rows));

        Assert.Empty(terminal.Wrapped);
        for (int round = 0; round < 100; round++)
            Assert.Contains(Convert.ToHexStringLower(Hash(round).Span), terminal.Everything.Select(row => row.Trim())
                .Concat(terminal.Everything.SelectMany(row => row.Split(' '))));
        Assert.Equal(90, terminal.Everything.Count(row => row.EndsWith("not kept", StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void The_demo_scrolls_lines_above_and_draws_the_cluster_below(int width, int height)
    {
        var terminal = new ScreenTerminal(width, height);
        const string Kill = "LEADER node 0 KILLED → node 2 leads (term 4) · next accepted update after 1.24 s · "
            + "3/5 updates safe · 0 retrained";
        string path = "/home/someone/projects/federated/quorate/run/demo/model.pt";
        string hash = $"sha256 {new string('a', 64)}";
        using (var view = new LiveView(terminal.Output()))
        {
            view.Show(Snapshot());
            for (int round = 1; round <= 30; round++)
            {
                view.Line(ClusterText.Round(Run(1).Trail[0], 200, 12), Tone.Round);
                view.Show(Snapshot());
            }
            view.Line(Kill, Tone.Loud);
            view.Show(Snapshot());

            Assert.Empty(terminal.Wrapped);
            string[] nodes = ["node 0 follower", "node 1 unreachable", "node 2 leader", "node 3 follower"];
            string screen = string.Join('\n', terminal.Screen);
            Assert.All(nodes, node => Assert.Contains($"● {node}", screen, StringComparison.Ordinal));
            AssertContains($"why nothing happens: {Reason}", terminal.Screen);
            AssertContains(Kill, terminal.Screen);
            int[] trainers =
            [
                .. terminal.Screen.Where(row => row.Contains('─') || row.Contains('━'))
                    .Select(row => int.Parse(row[..4])),
            ];
            Assert.Equal(Enumerable.Range(0, trainers.Length), trainers);
            Assert.True(trainers.Length == 12 || screen.Contains($"… {12 - trainers.Length} more"));

            view.Line($"model {path}", Tone.Good);
            view.Line(hash, Tone.Good);
        }
        // What was drawn in place is gone, and every line stands as it was written.
        Assert.DoesNotContain(terminal.Everything, row => row.Contains("node 1 unreachable", StringComparison.Ordinal));
        Assert.Equal(30, terminal.Everything.Count(row => row.StartsWith("[ROUND", StringComparison.Ordinal)));
        Assert.Contains(terminal.Screen, row => row.EndsWith(path, StringComparison.Ordinal));
        Assert.Contains(hash, terminal.Screen);
        Assert.Equal("", terminal.Screen[^1]);
    }

    [Fact]
    public void A_path_that_is_longer_than_the_terminal_stays_whole()
    {
        string path = "/home/" + new string('x', 90);
        Assert.Equal(["model", path], Rows.Wrap($"model {path}", 80));
        Assert.Equal(["one two", "three", "next"], Rows.Wrap("one two three next", 8));
        Assert.Equal(["  a table  row"], Rows.Wrap("  a table  row", 80));
    }

    [Fact]
    public void A_wide_character_takes_two_columns()
    {
        Assert.Equal(4, Rows.Cells("数据"));
        Assert.Equal("数…", Rows.Fit("数据x", 4));
        Assert.Equal(3, Rows.Cells("a😀"));
    }

    [Fact]
    public void A_stream_gets_plain_lines_that_are_never_broken()
    {
        using var writer = new StringWriter();
        var output = new Output(writer);
        output.Lines(StatusText.Lines(View(), output.Width));
        var view = new PlainView(output);
        view.Show(Snapshot());
        view.Show(Snapshot());
        view.Line(new string('x', 300), Tone.Loud);

        string[] lines = writer.ToString().Split('\n');
        Assert.DoesNotContain('\e', writer.ToString());
        Assert.Contains(new string('x', 300), lines);
        Assert.Single(lines, "  leader node 2 · term 12");
        Assert.Equal(10, lines.Count(line => line.StartsWith("  round ", StringComparison.Ordinal)
            && line.Contains(" accuracy ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Without_colours_the_live_part_moves_the_cursor_and_nothing_else()
    {
        var terminal = new ScreenTerminal(80, 24);
        using (var view = new LiveView(terminal.Output(colour: false)))
        {
            view.Show(Snapshot());
            view.Line("a line", Tone.Loud);
        }
        Assert.DoesNotMatch(@"\e\[[0-9;]*m", terminal.Written.ToString());
    }

    /// <summary>The text without the line breaks and indents of its rows.</summary>
    private static void AssertContains(string text, IReadOnlyList<string> screen) =>
        Assert.Contains(text, string.Join(' ', screen.Select(row => row.Trim())), StringComparison.Ordinal);
}
