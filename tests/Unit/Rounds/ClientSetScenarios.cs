using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Joining, leaving, returning, and what that does to a round.</summary>
public sealed class ClientSetScenarios
{
    [Fact]
    public void The_threshold_opens_the_round()
    {
        var scene = Prepared(Rules(minTrainers: 2));
        scene.Join("anna").IsAccepted();
        Assert.Equal(Phase.Waiting, scene.Run.Phase);
        scene.Now = 4711;
        scene.Join("bert").IsAccepted();
        Assert.Equal((Phase.Training, 1, 4711L), (scene.Run.Phase, scene.Run.Round, scene.Run.RoundOpenedAt));
    }

    [Fact]
    public void Trainers_join_while_the_initial_model_is_made_and_the_model_opens_the_round()
    {
        var scene = new Scene();
        scene.Open(rules: Rules(minTrainers: 1));
        scene.Join("anna").IsAccepted();
        Assert.Equal(Phase.Preparing, scene.Run.Phase);
        scene.Publish(0).IsAccepted();
        Assert.Equal((Phase.Training, 1), (scene.Run.Phase, scene.Run.Round));
    }

    [Fact]
    public void Joining_again_is_a_duplicate()
    {
        var scene = Training("anna");
        scene.Now++;
        scene.Join("anna").IsDuplicate("Trainer anna has joined already.");
        Assert.Equal(1, scene.Run.Present);
    }

    [Fact]
    public void A_trainer_that_joins_again_with_other_examples_is_the_same_trainer()
    {
        var scene = Training("anna");
        scene.Join("anna", examples: 50).IsAccepted();
        Assert.Equal((1, 50L), (scene.Run.Present, scene.Run.Trainers[Id("anna")].Examples));
    }

    [Fact]
    public void A_trainer_id_in_use_by_a_live_trainer_is_refused()
    {
        var scene = Training("anna");
        scene.Join("anna", incarnation: 2).IsRejected("Trainer id anna is in use by a live trainer.");
        scene.Join("anna", incarnation: 2, replaces: 3).IsRejected("Trainer id anna is in use by a live trainer.");
        Assert.Equal(1UL, scene.Run.Trainers[Id("anna")].Incarnation);
    }

    [Fact]
    public void A_trainer_is_replaced_by_its_own_next_incarnation_and_not_by_the_old_one_again()
    {
        var scene = Training("anna");
        scene.Join("anna", incarnation: 2, replaces: 1).IsAccepted();
        Assert.Equal((1, 2UL), (scene.Run.Present, scene.Run.Trainers[Id("anna")].Incarnation));
        scene.Join("anna", incarnation: 2, replaces: 1).IsDuplicate("Trainer anna has joined already.");
        scene.Join("anna", incarnation: 1).IsRejected("Trainer id anna is in use by a live trainer.");
    }

    [Fact]
    public void An_incarnation_of_zero_is_refused_because_zero_means_that_a_join_replaces_no_one()
    {
        var scene = Prepared();
        scene.Join("anna", incarnation: 0).IsRejected("Trainer anna's incarnation is 0: choose a random one.");
    }

    [Fact]
    public void A_trainer_that_left_returns_under_any_incarnation()
    {
        var scene = Training("anna", "bert");
        scene.Leave("anna").IsAccepted();
        Assert.Equal([Id("anna")], scene.Run.Missing);
        scene.Join("anna", incarnation: 9).IsAccepted();
        Assert.Equal(2, scene.Run.Present);
        Assert.Empty(scene.Run.Missing);
    }

    [Fact]
    public void Only_the_present_incarnation_can_leave_and_only_once()
    {
        var scene = Training("anna", "bert");
        const string absent = "Trainer anna is not present under that incarnation.";
        scene.Leave("anna", incarnation: 2).IsDuplicate(absent);
        scene.Now = 5000;
        scene.Leave("anna").IsAccepted();
        Assert.Equal((1, 5000L), (scene.Run.Present, scene.Run.Trainers[Id("anna")].Since));
        scene.Leave("anna").IsDuplicate(absent);
        scene.Leave("carl").IsDuplicate("Trainer carl is not present under that incarnation.");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(Limits.Examples + 1)]
    public void Examples_out_of_range_are_refused(long examples)
    {
        var scene = Training("anna");
        scene.Join("bert", examples: examples).IsRejected($"Examples must be 1 to 536870911, not {examples}.");
        scene.Update("anna", examples: examples).IsRejected($"Examples must be 1 to 536870911, not {examples}.");
    }

    [Fact]
    public void The_limits_of_examples_are_allowed()
    {
        var scene = Training("anna", "bert");
        scene.Join("carl", examples: Limits.Examples).IsAccepted();
        scene.Update("anna", examples: Limits.Examples).IsAccepted();
        scene.Update("bert", examples: 1).IsAccepted();
    }

    [Fact]
    public void A_run_that_has_ended_takes_no_new_trainers_but_its_trainers_may_leave()
    {
        var scene = Training("anna");
        scene.End();
        scene.Join("bert").IsRejected("Run 'digits' has ended.");
        scene.Leave("anna").IsAccepted();
        Assert.Equal(Phase.Stopped, scene.Run.Phase);
    }

    [Fact]
    public void A_departed_straggler_lets_the_round_close()
    {
        var scene = Training("anna", "bert", "carl");
        scene.Update("anna");
        scene.Update("bert");
        Assert.Equal(Phase.Training, scene.Run.Phase);
        scene.Leave("carl").IsAccepted();
        Assert.Equal(Phase.Aggregating, scene.Run.Phase);
    }

    [Fact]
    public void A_departed_straggler_does_not_close_a_round_with_too_few_updates()
    {
        var scene = Prepared(Rules(minTrainers: 2, minResults: 2));
        scene.Join("anna");
        scene.Join("bert");
        scene.Update("anna");
        scene.Leave("bert");
        Assert.Equal(Phase.Training, scene.Run.Phase);
        scene.Join("bert", incarnation: 2);
        scene.Update("bert");
        Assert.Equal(Phase.Aggregating, scene.Run.Phase);
    }

    [Fact]
    public void The_update_of_a_trainer_that_left_counts()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna");
        scene.Leave("anna");
        Assert.Equal(Phase.Training, scene.Run.Phase);
        scene.Update("bert");
        Assert.Equal((Phase.Aggregating, 2), (scene.Run.Phase, scene.Run.Updates.Count));
    }

    [Fact]
    public void An_open_round_waits_for_a_newcomer()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna");
        scene.Join("carl");
        scene.Update("bert");
        Assert.Equal(Phase.Training, scene.Run.Phase);
        scene.Update("carl").IsAccepted();
        Assert.Equal(Phase.Aggregating, scene.Run.Phase);
    }

    [Fact]
    public void Below_the_threshold_the_next_round_waits_and_says_for_whom()
    {
        var scene = Training("anna", "bert");
        scene.Leave("bert");
        scene.PlayRound(1, "anna");
        Assert.Equal((Phase.Waiting, 2), (scene.Run.Phase, scene.Run.Round));
        Assert.Equal([Id("bert")], scene.Run.Missing);
        scene.Join("bert", incarnation: 2);
        Assert.Equal((Phase.Training, 2), (scene.Run.Phase, scene.Run.Round));
    }

    [Fact]
    public void At_its_limit_of_trainers_a_run_forgets_a_departed_one_without_an_update_or_refuses()
    {
        var scene = FullRun();
        string last = $"t{Limits.Trainers - 1:D5}";
        scene.Join("late").IsRejected("The run has its limit of 20000 trainers.");

        scene.Update("t00000").IsAccepted();
        scene.Leave("t00000").IsAccepted();
        scene.Join("late").IsRejected("The run has its limit of 20000 trainers.");

        scene.Leave(last).IsAccepted();
        scene.Join("late").IsAccepted();
        Assert.Equal(Limits.Trainers, scene.Run.Trainers.Count);
        Assert.False(scene.Run.Trainers.ContainsKey(Id(last)));
        scene.Join("t00000", incarnation: 2).IsAccepted();
    }

    /// <summary>
    /// A run at its limit of trainers. The joins skip the scene's checks, which would be slow for 20,000 trainers.
    /// </summary>
    private static Scene FullRun()
    {
        var scene = Prepared(Rules(minTrainers: 1));
        var state = scene.State;
        for (int i = 0; i < Limits.Trainers; i++)
        {
            var join = new Command.Join(Digits, Id($"t{i:D5}"), 1, 0, 100, 0);
            state = RoundMachine.Apply(state, state.Index + 1, join, []).State;
        }
        scene.Restore(state);
        return scene;
    }
}
