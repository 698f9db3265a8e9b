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

    private static List<(Node, StatusReply?)> Nodes(params StatusReply?[] replies) =>
        [.. _hosts.Nodes.Select((node, at) => (node, replies[at]))];

    private static RunStatus Run() => new()
    {
        Run = "mnist", Phase = RunPhase.Waiting, Round = 2, Rounds = 5, MinTrainers = 5, Present = 4,
        WaitingFor = "Waiting for 1 more trainer.",
        Trail =
        {
            new ModelStatus { Round = 0, Unscored = "initial" },
            new ModelStatus { Round = 1, Score = new ScoreStatus { Accuracy = 0.9 } },
            new ModelStatus { Round = 2, Score = new ScoreStatus { Accuracy = 0.8 } },
        },
    };

    [Fact]
    public void Of_two_that_say_they_lead_the_higher_term_leads()
    {
        var old = new StatusReply { Node = 0, Leader = true, Term = 2 };
        var fresh = new StatusReply { Node = 1, Leader = true, Term = 3 };
        Assert.Same(fresh, ClusterText.Leading([old, null, fresh]));
        Assert.Null(ClusterText.Leading([null, new StatusReply()]));
    }

    [Fact]
    public void Without_a_majority_it_says_no_quorum()
    {
        var lines = StatusText.Lines(Nodes(null, new StatusReply { Node = 1 }, null));
        Assert.Contains("No quorum: read-only. 1 of 3 nodes answer, 2 are needed.", lines);
    }

    [Fact]
    public void A_waiting_run_says_why()
    {
        var lines = StatusText.Lines(
            Nodes(new StatusReply { Node = 0, Leader = true, Quorum = true, Run = Run() }, null, null)).ToList();
        Assert.Contains("why nothing moves: Waiting for 1 more trainer.", lines);
        Assert.Contains(lines, line => line.Contains("node 1", StringComparison.Ordinal)
            && line.Contains("unreachable", StringComparison.Ordinal));
    }

    [Fact]
    public void A_model_is_being_scored_only_while_somebody_may_score_it()
    {
        var run = Run();
        run.Trail[0].Unscored = "";
        run.Trail[1].Score = null;
        Assert.EndsWith("initial model", StatusText.Trail(run).First(), StringComparison.Ordinal);
        Assert.EndsWith("being scored", StatusText.Trail(run).ElementAt(1), StringComparison.Ordinal);
        run.Phase = RunPhase.Stopped;
        Assert.EndsWith("not scored (the run has ended)", StatusText.Trail(run).ElementAt(1), StringComparison.Ordinal);
    }

    [Fact]
    public void What_an_ended_run_no_longer_does_is_not_shown()
    {
        var run = Run();
        run.Phase = RunPhase.Finished;
        run.Updates.Clear();
        run.Trainers.Add(new TrainerStatus { Trainer = "anna", Present = true });
        var leader = new StatusReply { Node = 0, Leader = true, Run = run };
        var lines = StatusText.Lines(Nodes(leader, null, null)).ToList();
        Assert.DoesNotContain(lines, line => line.Contains("updates of round", StringComparison.Ordinal));
        Assert.EndsWith("idle", lines.Single(line => line.Contains("anna", StringComparison.Ordinal)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_JSON_names_the_leader_and_lists_every_node()
    {
        using var json = JsonDocument.Parse(
            StatusText.Json(Nodes(null, new StatusReply { Node = 1, Leader = true, Run = Run() }, null)));
        Assert.Equal(1, json.RootElement.GetProperty("leader").GetInt32());
        var nodes = json.RootElement.GetProperty("nodes");
        Assert.Equal(3, nodes.GetArrayLength());
        Assert.Equal(JsonValueKind.Null, nodes[0].GetProperty("status").ValueKind);
        Assert.Equal("mnist", nodes[1].GetProperty("status").GetProperty("run").GetProperty("run").GetString());
    }

    [Theory]
    [InlineData("final", 2)]
    [InlineData("best", 1)]
    [InlineData("0", 0)]
    public void A_model_is_named_by_number_or_by_best_or_final(string round, int chosen) =>
        Assert.Equal(chosen, ModelCommands.Choose(Run(), round).Round);

    [Theory]
    [InlineData("3")]
    [InlineData("worst")]
    [InlineData("-1")]
    public void A_model_that_is_not_there_is_bad_input(string round) =>
        Assert.Equal(ExitCode.BadInput, Assert.Throws<CommandException>(() => ModelCommands.Choose(Run(), round)).Code);

    [Theory]
    [InlineData("demo", "--coordinators", "4")]
    [InlineData("demo", "--rounds", "0")]
    [InlineData("demo", "--trainers", "x")]
    [InlineData("demo", "--timeout", "-3")]
    [InlineData("nonsense")]
    public void A_wrong_option_is_refused(params string[] line) =>
        Assert.NotEmpty(QuorateCommand.Build().Parse(line).Errors);
}
