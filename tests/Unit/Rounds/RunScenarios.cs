using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Opening, ending and forgetting runs.</summary>
public sealed class RunScenarios
{
    [Fact]
    public void A_new_run_prepares_its_initial_model()
    {
        var scene = new Scene { Now = 7 };
        scene.Open(plan: "a plan").IsAccepted();
        Assert.Equal((Phase.Preparing, 0, 0, 7L),
            (scene.Run.Phase, scene.Run.Round, scene.Run.Present, scene.Run.OpenedAt));
        Assert.Equal("a plan", scene.Run.Plan);
        Assert.Null(scene.Run.Model);
        Assert.Same(scene.Run, Assert.Single(scene.State.ActiveRuns));
    }

    [Fact]
    public void Opening_the_same_run_again_is_a_duplicate()
    {
        var scene = new Scene();
        scene.Open();
        scene.Now++;
        scene.Open().IsDuplicate("Run 'digits' is open already.");
    }

    [Fact]
    public void A_duplicate_opening_of_an_ended_run_says_that_it_has_ended()
    {
        var scene = new Scene();
        scene.Open();
        scene.End();
        scene.Open().IsDuplicate("Run 'digits' has ended already.");
    }

    [Fact]
    public void A_run_name_stands_for_one_plan_and_one_set_of_rules()
    {
        var scene = new Scene();
        scene.Open();
        scene.Open(plan: "another").IsRejected("There is another run 'digits': choose a new name.");
        scene.Open(rules: Rules(rounds: 4)).IsRejected("There is another run 'digits': choose a new name.");
    }

    [Theory]
    [InlineData(0, 2, 1, 600, 30, 2, 2, "rounds must be 1 to 100000, not 0.")]
    [InlineData(100_001, 2, 1, 600, 30, 2, 2, "rounds must be 1 to 100000, not 100001.")]
    [InlineData(3, 0, 1, 600, 30, 2, 2, "minTrainers must be 1 to 20000, not 0.")]
    [InlineData(3, 20_001, 1, 600, 30, 2, 2, "minTrainers must be 1 to 20000, not 20001.")]
    [InlineData(3, 2, 0, 600, 30, 2, 2, "minResults must be 1 to minTrainers (2), not 0.")]
    [InlineData(3, 2, 3, 600, 30, 2, 2, "minResults must be 1 to minTrainers (2), not 3.")]
    [InlineData(3, 2, 1, 0.5, 30, 2, 2, "deadlineSeconds must be 1 to 604800, not 0.5.")]
    [InlineData(3, 2, 1, 604_801, 30, 2, 2, "deadlineSeconds must be 1 to 604800, not 604801.")]
    [InlineData(3, 2, 1, 600, -1, 2, 2, "graceSeconds must be 0 to 604800, not -1.")]
    [InlineData(3, 2, 1, 600, 604_801, 2, 2, "graceSeconds must be 0 to 604800, not 604801.")]
    [InlineData(3, 2, 1, 600, 30, -1, 2, "keepUpdateRounds must be 0 to 1000, not -1.")]
    [InlineData(3, 2, 1, 600, 30, 1001, 2, "keepUpdateRounds must be 0 to 1000, not 1001.")]
    [InlineData(3, 2, 1, 600, 30, 2, 0, "keepModels must be 1 to 100000, not 0.")]
    [InlineData(3, 2, 1, 600, 30, 2, 100_001, "keepModels must be 1 to 100000, not 100001.")]
    public void A_rule_out_of_its_range_is_named(
        int rounds, int minTrainers, int minResults, double deadline, double grace, int keepUpdates, int keepModels,
        string reason)
    {
        var rules = new RunRules
        {
            Rounds = rounds, MinTrainers = minTrainers, MinResults = minResults,
            Deadline = TimeSpan.FromSeconds(deadline), Grace = TimeSpan.FromSeconds(grace),
            KeepUpdateRounds = keepUpdates, KeepModels = keepModels,
        };
        var scene = new Scene();
        scene.Open(rules: rules).IsRejected(reason);
        Assert.Empty(scene.State.Runs);
    }

    [Fact]
    public void The_limits_of_every_rule_are_allowed()
    {
        var week = TimeSpan.FromDays(7);
        var least = new RunRules
        {
            Rounds = 1, MinTrainers = 1, MinResults = 1, Deadline = TimeSpan.FromSeconds(1), Grace = TimeSpan.Zero,
            KeepUpdateRounds = 0, KeepModels = 1,
        };
        var most = new RunRules
        {
            Rounds = Limits.Rounds, MinTrainers = Limits.Trainers, MinResults = Limits.Trainers, Deadline = week,
            Grace = week, KeepUpdateRounds = 1000, KeepModels = Limits.Rounds,
        };
        new Scene().Open(rules: least).IsAccepted();
        new Scene().Open(rules: most).IsAccepted();
    }

    [Fact]
    public void Every_command_but_the_opening_needs_a_run()
    {
        var scene = new Scene();
        Outcome[] outcomes =
        [
            scene.Join("anna"), scene.Leave("anna"), scene.Update("anna"), scene.Close(), scene.Publish(0),
            scene.Score(0), scene.End(),
        ];
        Assert.All(outcomes, outcome => outcome.IsRejected("There is no run 'digits'."));
    }

    [Theory]
    [InlineData(false, Phase.Stopped)]
    [InlineData(true, Phase.Failed)]
    public void A_run_ends_early_and_says_why(bool failed, Phase phase)
    {
        var scene = Training("anna");
        scene.End(failed: failed, reason: "the power went").IsAccepted();
        Assert.Equal((phase, "the power went", true), (scene.Run.Phase, scene.Run.Reason, scene.Run.Ended));
        Assert.Empty(scene.State.ActiveRuns);
        scene.End(failed: !failed, reason: "again").IsDuplicate("Run 'digits' has ended already.");
    }

    [Fact]
    public void The_oldest_run_is_forgotten_when_one_more_than_the_limit_opens()
    {
        var scene = new Scene();
        for (int i = 0; i < Limits.Runs; i++)
        {
            scene.Open($"run-{i}").IsAccepted();
            scene.End($"run-{i}").IsAccepted();
        }
        Assert.Equal(Limits.Runs, scene.State.Runs.Count);
        Assert.NotNull(scene.State.Find(RunId.Parse("run-0")));

        scene.Open("one-more").IsAccepted();
        Assert.Equal(Limits.Runs, scene.State.Runs.Count);
        Assert.Null(scene.State.Find(RunId.Parse("run-0")));
        Assert.NotNull(scene.State.Find(RunId.Parse("run-1")));
    }

    [Fact]
    public void An_index_that_does_not_grow_throws()
    {
        var command = new Command.CloseRound(Digits, 1, 0);
        var state = ClusterState.Empty with { Index = 5 };
        Assert.Throws<ArgumentOutOfRangeException>(() => RoundMachine.Apply(state, 5, command, []));
    }

    [Fact]
    public void The_chain_hash_covers_the_index_the_bytes_and_the_past()
    {
        var command = new Command.CloseRound(Digits, 1, 0);
        var at1 = RoundMachine.Apply(ClusterState.Empty, 1, command, [1]).State;
        var at2 = RoundMachine.Apply(ClusterState.Empty, 2, command, [1]).State;
        var other = RoundMachine.Apply(ClusterState.Empty, 1, command, [2]).State;
        var after = RoundMachine.Apply(at1, 2, command, [1]).State;
        Assert.Equal(4, new[] { at1.Chain, at2.Chain, other.Chain, after.Chain }.Distinct().Count());
        // Printed by: printf '%064d0100000000000000%s' 0 01 | xxd -r -p | sha256sum
        Assert.Equal("f123469ba12e7625191d964fcf0a40c3be85ccbcd87805253f4a95229c2a6462", at1.Chain.ToString());
    }
}
