using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Trainers that are present and deliver nothing: how long rounds wait for them.</summary>
public sealed class MissedRoundScenarios
{
    [Fact]
    public void A_silent_trainer_costs_as_many_deadlines_as_the_run_allows()
    {
        var scene = WithSilentCarl(maxMissedRounds: 3);
        for (int round = 1; round <= 3; round++) MissRound(scene, round);
        Assert.Equal((3, 2, 3), (scene.Run.Present, scene.Run.Awaited, scene.Run.Trainers[Id("carl")].Missed));
        for (int round = 4; round <= 6; round++)
        {
            scene.Update("anna", round).IsAccepted();
            Assert.Equal(Phase.Training, scene.Run.Phase);
            scene.Update("bert", round).IsAccepted();
            Assert.Equal(Phase.Aggregating, scene.Run.Phase);
            scene.Publish(round).IsAccepted();
        }
        Assert.Equal(3, scene.Run.Trainers[Id("carl")].Missed);
    }

    [Fact]
    public void An_update_counts_and_its_trainer_is_awaited_again()
    {
        var scene = WithSilentCarl(maxMissedRounds: 1);
        MissRound(scene, 1);
        Assert.Equal(2, scene.Run.Awaited);
        scene.Update("carl", 2).IsAccepted();
        Assert.Equal(3, scene.Run.Awaited);
        scene.Update("anna", 2).IsAccepted();
        scene.Update("bert", 2).IsAccepted();
        Assert.Equal((Phase.Aggregating, 3), (scene.Run.Phase, scene.Run.Updates.Count));
        scene.Publish(2).IsAccepted();
        MissRound(scene, 3);
    }

    [Fact]
    public void A_round_needs_its_updates_even_if_nobody_is_awaited()
    {
        var scene = Prepared(Rules(rounds: 9, minTrainers: 2) with { MaxMissedRounds = 1 });
        scene.Join("anna").IsAccepted();
        scene.Join("bert").IsAccepted();
        scene.Update("anna").IsAccepted();
        scene.Close().IsAccepted();
        scene.Publish(1).IsAccepted();
        scene.Leave("anna").IsAccepted();
        Assert.Equal((0, Phase.Training), (scene.Run.Awaited, scene.Run.Phase));
        scene.Update("bert", 2).IsAccepted();
        Assert.Equal(Phase.Aggregating, scene.Run.Phase);
    }

    [Fact]
    public void A_round_that_closes_while_a_trainer_is_away_is_not_missed()
    {
        var scene = WithSilentCarl(maxMissedRounds: 1);
        scene.Leave("carl").IsAccepted();
        scene.PlayRound(1, "anna", "bert");
        scene.Join("carl").IsAccepted();
        Assert.Equal((0, 3), (scene.Run.Trainers[Id("carl")].Missed, scene.Run.Awaited));
    }

    [Fact]
    public void A_restarted_process_is_awaited_and_a_returning_one_is_not()
    {
        var scene = WithSilentCarl(maxMissedRounds: 1);
        MissRound(scene, 1);
        scene.Leave("carl").IsAccepted();
        scene.Join("carl").IsAccepted();
        Assert.Equal((3, 2), (scene.Run.Present, scene.Run.Awaited));
        scene.Join("carl", incarnation: 2, replaces: 1).IsAccepted();
        Assert.Equal((3, 3), (scene.Run.Present, scene.Run.Awaited));
    }

    [Fact]
    public void With_a_limit_of_zero_every_present_trainer_is_always_awaited()
    {
        var scene = WithSilentCarl(maxMissedRounds: 0);
        for (int round = 1; round <= 5; round++) MissRound(scene, round);
        Assert.Equal((3, 0), (scene.Run.Awaited, scene.Run.Trainers[Id("carl")].Missed));
    }

    private static Scene WithSilentCarl(int maxMissedRounds)
    {
        var rules = Rules(rounds: 9, minTrainers: 2, minResults: 2);
        var scene = Prepared(rules with { MaxMissedRounds = maxMissedRounds });
        foreach (string trainer in new[] { "anna", "bert", "carl" }) scene.Join(trainer).IsAccepted();
        return scene;
    }

    /// <summary>Only the deadline closes the round.</summary>
    private static void MissRound(Scene scene, int round)
    {
        scene.Update("anna", round).IsAccepted();
        scene.Update("bert", round).IsAccepted();
        Assert.Equal((Phase.Training, round), (scene.Run.Phase, scene.Run.Round));
        scene.Close(round).IsAccepted();
        scene.Publish(round).IsAccepted();
    }
}
