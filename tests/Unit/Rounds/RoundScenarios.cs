using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Updates, the closing of a round, and what is answered afterwards.</summary>
public sealed class RoundScenarios
{
    [Fact]
    public void The_last_awaited_update_closes_the_round()
    {
        var scene = Training("anna", "bert");
        scene.Update("bert").IsAccepted();
        Assert.Equal(Phase.Training, scene.Run.Phase);
        scene.Update("anna").IsAccepted();
        Assert.Equal((Phase.Aggregating, 1), (scene.Run.Phase, scene.Run.Round));
        Assert.Equal([Id("anna"), Id("bert")], scene.Run.Updates.Keys);
    }

    [Fact]
    public void Updates_are_ordered_by_trainer_id_in_whatever_order_they_arrive()
    {
        string[] arrival = ["b", "B", "a-1", "a", "a.1", "10", "9", "a1"];
        var scene = Training(arrival);
        foreach (string trainer in arrival) scene.Update(trainer).IsAccepted();
        scene.Publish(1);
        Assert.Equal(
            ["10", "9", "B", "a", "a-1", "a.1", "a1", "b"],
            scene.Run.Trail[1].Updates.Select(u => u.Trainer.ToString()));
    }

    [Fact]
    public void A_repeated_update_is_a_duplicate_in_every_phase_while_it_is_listed()
    {
        var scene = Training("anna", "bert");
        const string counted = "Trainer anna's update of round 1 is counted already.";
        scene.Update("anna");
        scene.Update("anna").IsDuplicate(counted);
        scene.Leave("anna");
        scene.Update("anna").IsDuplicate(counted);
        scene.Update("bert");
        Assert.Equal(Phase.Aggregating, scene.Run.Phase);
        scene.Update("anna").IsDuplicate(counted);
        scene.Publish(1);
        Assert.Equal(Phase.Waiting, scene.Run.Phase);
        scene.Update("anna").IsDuplicate(counted);
        scene.End();
        scene.Update("anna").IsDuplicate(counted);
    }

    [Fact]
    public void Another_update_under_the_same_key_is_rejected_also_after_its_round()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna", content: "first");
        string other = $"Trainer anna has another update in round 1: {Blob("first").Short}….";
        scene.Update("anna", content: "second").IsRejected(other);
        scene.Update("bert");
        scene.Publish(1);
        scene.Update("anna", content: "second").IsRejected(other);
        Assert.Equal(Blob("first"), scene.Run.Trail[1].Updates[0].Blob);
    }

    [Fact]
    public void A_repeat_older_than_the_trail_lists_is_stale()
    {
        var scene = Prepared(Rules(minTrainers: 1, keepUpdateRounds: 1));
        scene.Join("anna");
        scene.PlayRound(1, "anna");
        scene.Update("anna", 1).IsDuplicate("Trainer anna's update of round 1 is counted already.");
        scene.PlayRound(2, "anna");
        scene.Update("anna", 1).IsStale("Round 1 is closed; the run is in round 3.");
    }

    [Fact]
    public void A_late_update_is_stale()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna");
        scene.Close();
        scene.Update("bert").IsStale("Round 1 is closed; the run is in round 1.");
        scene.Publish(1);
        scene.Update("bert").IsStale("Round 1 is closed; the run is in round 2.");
        scene.End();
        scene.Update("bert", 2).IsStale("Run 'digits' has ended.");
    }

    [Fact]
    public void A_late_update_to_the_last_round_is_stale_while_it_is_scored()
    {
        var scene = Prepared(Rules(rounds: 1));
        scene.Join("anna");
        scene.Join("bert");
        scene.Update("anna");
        scene.Close();
        scene.Publish(1);
        Assert.Equal(Phase.Scoring, scene.Run.Phase);
        scene.Update("bert").IsStale("Round 1 is closed; the run is in round 1.");
        scene.Update("anna").IsDuplicate("Trainer anna's update of round 1 is counted already.");
    }

    [Fact]
    public void An_update_for_a_round_that_is_not_open_is_rejected()
    {
        var scene = new Scene();
        scene.Open();
        scene.Update("anna", 0).IsRejected("Round 0 is not open.");
        scene.Publish(0);
        scene.Join("anna");
        scene.Update("anna", 1).IsRejected("Round 1 is not open.");
        scene.Join("bert");
        scene.Update("anna", 2).IsRejected("Round 2 is not open.");
        scene.Update("anna", int.MaxValue).IsRejected("Round 2147483647 is not open.");
    }

    [Fact]
    public void An_update_from_outside_the_client_set_is_rejected()
    {
        var scene = Training("anna", "bert");
        scene.Update("carl").IsRejected("Trainer carl is not in the client set: join first.");
        scene.Leave("bert");
        scene.Update("bert").IsRejected("Trainer bert is not in the client set: join first.");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(Limits.BlobBytes + 1)]
    public void A_length_out_of_range_is_rejected(long length)
    {
        var scene = Training("anna");
        scene.Update("anna", length: length).IsRejected($"An update has 1 to 68719476736 bytes, not {length}.");
        scene.Update("anna");
        scene.Publish(1, length: length).IsRejected($"A model has 1 to 68719476736 bytes, not {length}.");
    }

    [Fact]
    public void The_deadline_closes_a_round_that_has_its_minimum_of_results()
    {
        var scene = Prepared(Rules(minTrainers: 3, minResults: 2));
        foreach (string trainer in new[] { "anna", "bert", "carl" }) scene.Join(trainer);
        scene.Close().IsRejected("Round 1 has too few updates: 0 of 2.");
        scene.Update("anna");
        scene.Close().IsRejected("Round 1 has too few updates: 1 of 2.");
        scene.Update("bert");
        scene.Close().IsAccepted();
        Assert.Equal(Phase.Aggregating, scene.Run.Phase);
    }

    [Fact]
    public void Closing_a_closed_round_is_a_duplicate()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna");
        scene.Close();
        scene.Close().IsDuplicate("Round 1 is closed already.");
        scene.Publish(1);
        Assert.Equal(2, scene.Run.Round);
        scene.Close().IsDuplicate("Round 1 is closed already.");
        scene.End();
        scene.Close(2).IsDuplicate("Round 2 is closed already.");
    }

    [Fact]
    public void A_round_that_is_not_open_cannot_be_closed()
    {
        var scene = new Scene();
        scene.Open();
        scene.Close(0).IsRejected("Round 0 is not open.");
        scene.Publish(0);
        scene.Close(1).IsRejected("Round 1 is not open.");
        scene.Join("anna");
        scene.Join("bert");
        scene.Close(2).IsRejected("Round 2 is not open.");
    }

    [Fact]
    public void Joins_and_leaves_do_not_reopen_a_closed_round()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna");
        scene.Close();
        scene.Join("carl");
        scene.Leave("anna");
        Assert.Equal((Phase.Aggregating, 1), (scene.Run.Phase, scene.Run.Updates.Count));
    }

    [Fact]
    public void An_update_keeps_what_the_trainer_reported()
    {
        var scene = Training("anna", "bert");
        scene.Now = 77;
        scene.Update("anna", content: "bytes", length: 5, examples: 42);
        Assert.Equal(
            new Update(Id("anna"), Blob("bytes"), 5, 42, Metrics.Of((Metrics.Loss, 0.5)), 77),
            scene.Run.Updates[Id("anna")]);
    }
}
