using System.Text.Json;
using Quorate.Cli;
using Quorate.Cli.Commands;
using Quorate.Cli.Show;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Unit.Cli;

public class StatusTests
{
    private static readonly HostsFile _hosts = HostsFile.Parse("""
        { "nodes": [
          { "id": 0, "raft": "127.0.0.1:7100", "grpc": "127.0.0.1:7200" },
          { "id": 1, "raft": "127.0.0.1:7101", "grpc": "127.0.0.1:7201" },
          { "id": 2, "raft": "127.0.0.1:7102", "grpc": "127.0.0.1:7202" } ] }
        """);

    private static ClusterView View(params StatusReply?[] replies) =>
        new([.. _hosts.Nodes.Select((node, at) => (node, replies[at]))], "hosts.json", []);

    private static List<string> Lines(params StatusReply?[] replies) =>
        [.. StatusText.Lines(View(replies), int.MaxValue)];

    private static RunStatus Run() => new()
    {
        Run = "mnist", Phase = RunPhase.Waiting, Round = 2, Rounds = 5, MinTrainers = 5, Present = 4,
        WaitingFor = "Waiting for 1 more trainer.", BestRound = 1,
        Trail =
        {
            new ModelStatus { Round = 0, Unscored = "initial", Kept = true },
            new ModelStatus { Round = 1, Score = new ScoreStatus { Metrics = { ["accuracy"] = 0.9 } }, Kept = true },
            new ModelStatus { Round = 2, Score = new ScoreStatus { Metrics = { ["accuracy"] = 0.8 } }, Kept = true },
        },
    };

    [Fact]
    public void Of_two_nodes_that_say_they_lead_the_one_with_the_higher_term_leads()
    {
        var old = new StatusReply { Node = 0, Leader = true, Term = 2 };
        var fresh = new StatusReply { Node = 1, Leader = true, Term = 3 };
        Assert.Same(fresh, ClusterText.Leading([old, null, fresh]));
        Assert.Null(ClusterText.Leading([null, new StatusReply()]));
    }

    [Fact]
    public void Without_a_majority_it_says_that_there_is_no_quorum() => Assert.Contains(
        "There is no quorum: only 1 of 3 nodes answers, 2 are needed. Nothing can be changed until then.",
        Lines(null, new StatusReply { Node = 1 }, null));

    [Fact]
    public void Other_runs_that_have_not_ended_have_a_line_each_and_a_long_queue_is_counted()
    {
        const string Why = "The run is queued behind 'mnist' (1 of 1 places taken).";
        var reply = new StatusReply { Leader = true, Run = Run() };
        reply.Runs.Add(new RunSummary { Run = "old", Phase = RunPhase.Finished });
        reply.Runs.Add(new RunSummary { Run = "mnist", Phase = RunPhase.Waiting });
        for (int i = 0; i < 6; i++)
            reply.Runs.Add(new RunSummary { Run = $"q{i}", Phase = RunPhase.Queued, Rounds = 5, WaitingFor = Why });
        var lines = Lines(reply, null, null);
        Assert.Equal(
            [.. Enumerable.Range(0, 4).Select(i => $"run q{i}  queued  round 0/5  {Why}"),
                "2 more runs: `quorate run list`"],
            lines.Where(line => line.StartsWith("run q", StringComparison.Ordinal) || line.Contains("run list")));
        Assert.EndsWith(Why, StatusText.Runs(reply.Runs).Last(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_any_answer_it_names_the_hosts_file() => Assert.Contains(
        "No node answers. Are the coordinators running at the addresses in hosts.json?", Lines(null, null, null));

    [Fact]
    public void A_trainer_that_rounds_do_not_wait_for_says_so()
    {
        var run = Run();
        run.Trainers.Add(new TrainerStatus { Trainer = "anna", Present = true, NotAwaitedAfter = 3 });
        Assert.Contains(StatusText.Run(new StatusReply { Leader = true, Quorum = true, Run = run }, 200), line =>
            line.EndsWith("not awaited after 3 missed rounds", StringComparison.Ordinal));
    }

    [Fact]
    public void A_waiting_run_says_why()
    {
        var lines = Lines(new StatusReply { Node = 0, Leader = true, Quorum = true, Run = Run() }, null, null);
        Assert.Contains("why nothing happens: Waiting for 1 more trainer.", lines);
        Assert.Contains(lines, line => line.Contains("node 1", StringComparison.Ordinal)
            && line.Contains("unreachable", StringComparison.Ordinal));
    }

    [Fact]
    public void A_held_feature_level_is_shown_with_who_holds_it() => Assert.Contains(
        "Feature level 1; raise held by an operator.",
        Lines(new StatusReply { Leader = true, FeatureLevel = 1, LevelHeldBy = "an operator" }, null, null));

    [Fact]
    public void Trainers_are_in_their_natural_order_and_counted_in_correct_English()
    {
        var run = Run();
        run.Present = 1;
        foreach (string id in (string[])["10", "2", "0", "1", "anna"])
            run.Trainers.Add(new TrainerStatus { Trainer = id, Present = true });
        var lines = Lines(new StatusReply { Node = 0, Leader = true, Quorum = true, Run = run }, null, null);
        var shown = lines.Where(line => line.StartsWith("  trainer ", StringComparison.Ordinal));
        Assert.Equal(["0", "1", "2", "10", "anna"], shown.Select(line => line.Split(' ')[3]));
        Assert.Contains(lines, line => line.EndsWith("1 trainer present, 5 needed", StringComparison.Ordinal));
    }

    [Fact]
    public void Only_the_leader_knows_what_a_trainer_does()
    {
        var run = Run();
        run.Trainers.Add(new TrainerStatus { Trainer = "anna", Present = true });
        Assert.Equal("idle", Anna(new StatusReply { Leader = true, Quorum = true }));
        run.Trainers[0].SilentMs = -1; // Only a leader receives heartbeats, and a new one has none yet.
        Assert.Equal("present", Anna(new StatusReply { Quorum = true }));
        // A node without a quorum does not know who has left since.
        Assert.Equal("unknown", Anna(new StatusReply()));
        run.Trainers[0].Fault = "The disk is full.";
        Assert.Equal("The disk is full.", Anna(new StatusReply { Leader = true, Quorum = true }));
        run.Trainers[0].Fault = "";
        run.Phase = RunPhase.Finished;
        Assert.Equal("", Anna(new StatusReply { Leader = true, Quorum = true }));

        string Anna(StatusReply from)
        {
            from.Run = run;
            string line = StatusText.Run(from, 200).Single(line => line.Contains("anna", StringComparison.Ordinal));
            return line.Split("0 examples")[1].Trim();
        }
    }

    [Fact]
    public void All_runs_are_listed_with_the_reason_of_their_end()
    {
        RunSummary[] runs =
        [
            new() { Run = "old", Phase = RunPhase.Stopped, Round = 2, Rounds = 5, OpenedAt = 0, Reason = "no time" },
            new() { Run = "new", Phase = RunPhase.Training, Round = 1, Rounds = 3, OpenedAt = 60_000 },
        ];
        Assert.Equal(
            ["old                   stopped      round 2/5  opened 1970-01-01 00:00:00 UTC  no time",
                "new                   training     round 1/3  opened 1970-01-01 00:01:00 UTC"],
            StatusText.Runs(runs));
        Assert.Equal(["There is no run yet. Open one with `quorate run start FILE`."], StatusText.Runs([]));
    }

    [Fact]
    public void A_write_to_an_ended_run_is_refused_and_a_repeated_one_is_not()
    {
        var duplicate = new VerdictReply { Verdict = VerdictCode.Duplicate, Reason = "Run 'm' is open already." };
        var refused = Assert.Throws<CommandException>(
            () => RunCommands.Sentence(duplicate, ended: true, "m", "Run m is open."));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Contains("Run m has already ended", refused.Message, StringComparison.Ordinal);
        Assert.Equal("Run 'm' is open already.", RunCommands.Sentence(duplicate, ended: false, "m", "Run m is open."));
        Assert.Equal("Run m is open.", RunCommands.Sentence(
            new VerdictReply { Verdict = VerdictCode.Accepted }, ended: false, "m", "Run m is open."));
    }

    [Fact]
    public void A_model_must_be_correct_on_all_nodes_or_no_longer_kept_anywhere()
    {
        var model = new ModelStatus { Round = 3 };
        Assert.Equal((true, "correct on all nodes"), Checked(true, Copy.Correct, Copy.Correct, Copy.Correct));
        Assert.Equal((true, "no longer kept"), Checked(false, Copy.None, Copy.None, Copy.None));
        Assert.Equal((false, "missing on nodes 0, 1, 2"), Checked(true, Copy.None, Copy.None, Copy.None));
        Assert.Equal((false, "missing on node 1"), Checked(false, Copy.Correct, Copy.None, Copy.Correct));
        Assert.Equal((false, "WRONG BYTES from node 2"), Checked(false, Copy.None, Copy.None, Copy.Wrong));

        (bool, string) Checked(bool newest, params Copy[] copies)
        {
            var (line, holds) = ModelCommands.Verified(model, [.. copies.Select((copy, node) => (node, copy))], newest);
            return (holds, line.Split("  ")[^1]);
        }
    }

    [Fact]
    public void A_model_is_being_scored_only_while_the_run_has_not_ended()
    {
        var run = Run();
        run.Trail[0].Unscored = "";
        run.Trail[1].Score = null;
        Assert.EndsWith("initial model  0 B", Model(0), StringComparison.Ordinal);
        Assert.EndsWith("being scored  0 B", Model(1), StringComparison.Ordinal);
        run.Phase = RunPhase.Stopped;
        Assert.EndsWith("not scored (the run has ended)  0 B", Model(1), StringComparison.Ordinal);

        string Model(int round) => StatusText.Models(run, int.MaxValue).ElementAt(round).Single();
    }

    [Fact]
    public void The_updates_of_an_ended_run_are_not_shown()
    {
        var run = Run();
        run.Phase = RunPhase.Finished;
        run.Updates.Clear();
        run.Trainers.Add(new TrainerStatus { Trainer = "anna", Present = true });
        var leader = new StatusReply { Node = 0, Leader = true, Run = run };
        var lines = Lines(leader, null, null);
        Assert.DoesNotContain(lines, line => line.Contains("updates of round", StringComparison.Ordinal));
        Assert.EndsWith("0 examples", lines.Single(line => line.Contains("anna", StringComparison.Ordinal)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_that_stops_a_run_is_among_the_reasons()
    {
        var leader = new StatusReply { Node = 0, Leader = true, Quorum = true, Run = Run() };
        leader.Run.WaitingFor = "Waiting for the initial model. Trainer 3 reports: No data.";
        leader.Run.Reason = "out of patience";
        leader.Notes.Add("Scoring is off: no images.");
        var follower = new StatusReply { Node = 1, Quorum = true, Notes = { "This node refuses uploads." } };
        Assert.Equal(
            ["note from node 0: Scoring is off: no images.", "note from node 1: This node refuses uploads.",
                "why nothing happens: Waiting for the initial model. Trainer 3 reports: No data.",
                "reason: out of patience"],
            View(leader, follower, null).Reasons);
        leader.Leader = false;
        Assert.StartsWith("There is no leader", View(leader, follower, null).Reasons.First(), StringComparison.Ordinal);
        Assert.StartsWith("There is no quorum", View(null, follower, null).Reasons.First(), StringComparison.Ordinal);
        Assert.StartsWith("No node answers", View(null, null, null).Reasons.First(), StringComparison.Ordinal);
    }

    /// <summary>Two groups with different hosts files looked like one healthy cluster.</summary>
    [Fact]
    public void Nodes_with_different_histories_are_named_before_anything_else() => Assert.Equal(
        "DIFFERENT HISTORIES: nodes 0 and 3",
        StatusText.Lines(
            View(null, null, null) with { Differences = ["DIFFERENT HISTORIES: nodes 0 and 3"] }, 80).First());

    [Fact]
    public void Status_ends_with_code_1_if_histories_differ_and_with_3_if_there_is_no_leader()
    {
        var leader = new StatusReply { Node = 0, Leader = true, Quorum = true };
        Assert.Equal(ExitCode.Ok, StatusCommand.CodeOf([leader, null], []));
        Assert.Equal(ExitCode.TimedOut, StatusCommand.CodeOf([null, new StatusReply()], []));
        Assert.Equal(ExitCode.Differs, StatusCommand.CodeOf([leader, null], ["DIFFERENT HISTORIES: nodes 0 and 3"]));
        Assert.Equal(ExitCode.Differs, StatusCommand.CodeOf([null, null], ["DIFFERENT HISTORIES: nodes 0 and 3"]));
    }

    [Fact]
    public void The_JSON_names_the_leader_and_lists_every_node()
    {
        using var json = JsonDocument.Parse(
            StatusText.Json(View(null, new StatusReply { Node = 1, Leader = true, Run = Run() }, null)));
        Assert.Equal(1, json.RootElement.GetProperty("leader").GetInt32());
        var nodes = json.RootElement.GetProperty("nodes");
        Assert.Equal(3, nodes.GetArrayLength());
        Assert.Equal(JsonValueKind.Null, nodes[0].GetProperty("status").ValueKind);
        Assert.Equal("mnist", nodes[1].GetProperty("status").GetProperty("run").GetProperty("run").GetString());
    }

    [Theory]
    [InlineData("newest", 2)]
    [InlineData("best", 1)]
    [InlineData("0", 0)]
    public void A_model_is_named_by_number_or_by_best_or_newest(string round, int chosen) =>
        Assert.Equal(chosen, ModelCommands.Choose(Run(), round).Round);

    [Fact]
    public void Only_a_finished_run_has_a_final_model()
    {
        var run = Run();
        var refused = Assert.Throws<CommandException>(() => ModelCommands.Choose(run, "final"));
        Assert.Equal(
            "Run mnist is waiting in round 2 of 5, so it has no final model; --round newest is its newest one.",
            refused.Message);
        Assert.Equal(["round 2 of 5, run mnist: not the final model, the run continues", "m.pt", "sha256 ab"],
            ModelCommands.Pulled(run, run.Trail[2], "m.pt", "ab"));
        (run.Phase, run.Rounds) = (RunPhase.Finished, 2);
        Assert.Equal(2, ModelCommands.Choose(run, "final").Round);
        Assert.Equal("round 2 of 2, run mnist: the final model",
            ModelCommands.Pulled(run, run.Trail[2], "m.pt", "ab").First());
        Assert.Equal("round 1 of 2, run mnist", ModelCommands.Pulled(run, run.Trail[1], "m.pt", "ab").First());
    }

    [Fact]
    public void A_model_whose_bytes_are_gone_is_refused_and_those_that_are_kept_are_named()
    {
        var run = Run();
        for (int round = 3; round < 9; round++) run.Trail.Add(new ModelStatus { Round = round, Kept = round > 5 });
        (run.Trail[0].Kept, run.Trail[1].Kept) = (false, false);
        var refused = Assert.Throws<CommandException>(() => ModelCommands.Choose(run, "1"));
        Assert.Equal(ExitCode.BadInput, refused.Code);
        Assert.Equal("Run mnist has no model for --round 1: it no longer keeps the model of round 1. "
            + "It has those of the rounds 2, 6-8.", refused.Message);
        Assert.EndsWith("  not kept", StatusText.Models(run, int.MaxValue).ElementAt(1).Single(),
            StringComparison.Ordinal);
        run.Trail.Clear();
        Assert.Equal("Run mnist has no model for --round newest; no model is published yet.",
            Assert.Throws<CommandException>(() => ModelCommands.Choose(run, "newest")).Message);
    }

    [Theory]
    [InlineData("3")]
    [InlineData("worst")]
    [InlineData("-1")]
    public void A_model_that_does_not_exist_is_bad_input(string round) =>
        Assert.Equal(ExitCode.BadInput, Assert.Throws<CommandException>(() => ModelCommands.Choose(Run(), round)).Code);

    [Theory]
    [InlineData("demo", "--coordinators", "4")]
    [InlineData("demo", "--rounds", "0")]
    [InlineData("demo", "--trainers", "x")]
    [InlineData("demo", "--timeout", "-3")]
    [InlineData("nonsense")]
    [InlineData("run", "start")]
    [InlineData("run", "rollback", "mnist", "--round", "x", "--as", "next")]
    [InlineData("run", "rollback", "mnist", "--round", "2")]
    [InlineData("run", "rollback", "mnist", "--as", "next")]
    [InlineData("models", "push", "m.pt")]
    public void A_wrong_option_is_refused(params string[] line) =>
        Assert.NotEmpty(QuorateCommand.Build().Parse(line).Errors);

    [Theory]
    [InlineData("run", "config/runs/mnist.json")]
    [InlineData("run", "start", "config/runs/mnist.json")]
    [InlineData("run", "list", "--hosts", "hosts.json")]
    [InlineData("run", "show", "mnist")]
    [InlineData("run", "stop", "mnist", "--reason", "enough")]
    [InlineData("run", "pause", "mnist", "--hosts", "hosts.json")]
    [InlineData("run", "resume", "mnist")]
    [InlineData("run", "rollback", "mnist", "--round", "2", "--as", "next", "--fresh-memory")]
    [InlineData("stop", "mnist", "--hosts", "hosts.json")]
    [InlineData("models", "--run", "mnist", "--hosts", "hosts.json")]
    [InlineData("models", "list", "--run", "mnist", "--hosts", "hosts.json")]
    [InlineData("models", "pull", "--round", "best", "-o", "m.pt")]
    [InlineData("models", "verify")]
    [InlineData("pull", "--hosts", "hosts.json")]
    [InlineData("push", "m.pt", "--run", "mnist")]
    public void Old_and_new_spellings_are_understood(params string[] line) =>
        Assert.Empty(QuorateCommand.Build().Parse(line).Errors);

    [Fact]
    public void A_number_option_is_refused_with_its_range()
    {
        string error = QuorateCommand.Build().Parse(["demo", "--rounds", "x"]).Errors[0].Message;
        Assert.StartsWith("--rounds must be a whole number from 1 to ", error, StringComparison.Ordinal);
        Assert.EndsWith("not 'x'.", error, StringComparison.Ordinal);
    }
}
