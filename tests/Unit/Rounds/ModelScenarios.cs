using System.Collections.Immutable;
using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Publishing, scoring, and what is kept.</summary>
public sealed class ModelScenarios
{
    [Fact]
    public void The_initial_model_lets_the_run_wait_for_trainers()
    {
        var scene = new Scene();
        scene.Open();
        scene.Now = 9;
        scene.Publish(0).IsAccepted();
        Assert.Equal((Phase.Waiting, 1), (scene.Run.Phase, scene.Run.Round));
        var model = scene.Run.Model!;
        Assert.Equal((0, Blob("model 0"), 10L, 0, 0L, 9L),
            (model.Round, model.Blob, model.Length, model.Contributors, model.Examples, model.PublishedAt));
    }

    [Fact]
    public void A_rounds_model_names_its_updates_and_opens_the_next_round()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna", examples: 30);
        scene.Update("bert", examples: 12);
        scene.Now = 2000;
        scene.Publish(1).IsAccepted();
        var model = scene.Run.Model!;
        Assert.Equal((1, 2, 42L, 1000L, 2000L),
            (model.Round, model.Contributors, model.Examples, model.OpenedAt, model.PublishedAt));
        Assert.Equal([Id("anna"), Id("bert")], model.Updates.Select(u => u.Trainer));
        Assert.Equal((Phase.Training, 2, 2000L), (scene.Run.Phase, scene.Run.Round, scene.Run.RoundOpenedAt));
        Assert.Empty(scene.Run.Updates);
    }

    [Fact]
    public void A_model_has_one_content()
    {
        var scene = Training("anna");
        scene.PlayRound(1, "anna");
        scene.Publish(1).IsDuplicate("Round 1's model is published already.");
        scene.Publish(0).IsDuplicate("Round 0's model is published already.");
        scene.Publish(1, content: "other").IsRejected($"Round 1 has another model: {Blob("model 1").Short}….");
    }

    [Fact]
    public void A_model_that_is_not_due_is_rejected()
    {
        var scene = new Scene();
        scene.Open(rules: Rules(minTrainers: 1));
        scene.Publish(1).IsRejected("Round 1 awaits no model.");
        scene.Publish(-1).IsRejected("Round -1 awaits no model.");
        scene.Publish(0);
        scene.Publish(1).IsRejected("Round 1 awaits no model.");
        scene.Join("anna");
        scene.Publish(1).IsRejected("Round 1 awaits no model.");
        scene.Update("anna");
        scene.Publish(2).IsRejected("Round 2 awaits no model.");
        scene.End();
        scene.Publish(1).IsRejected("Round 1 awaits no model.");
    }

    [Fact]
    public void The_last_model_is_scored_and_the_run_is_finished()
    {
        var scene = Prepared(Rules(rounds: 2, minTrainers: 1));
        scene.Join("anna");
        scene.PlayRound(1, "anna");
        scene.PlayRound(2, "anna");
        Assert.Equal((Phase.Scoring, 2, false), (scene.Run.Phase, scene.Run.Round, scene.Run.Ended));
        scene.Score(1).IsAccepted();
        Assert.Equal(Phase.Scoring, scene.Run.Phase);
        scene.Score(2).IsAccepted();
        Assert.Equal((Phase.Finished, 2, true, ""),
            (scene.Run.Phase, scene.Run.Round, scene.Run.Ended, scene.Run.Reason));
        scene.End().IsDuplicate("Run 'digits' has ended already.");
    }

    [Fact]
    public void A_last_model_that_cannot_be_scored_finishes_the_run_too()
    {
        var scene = Prepared(Rules(rounds: 1, minTrainers: 1));
        scene.Join("anna");
        scene.PlayRound(1, "anna");
        scene.CannotScore(1, "no data").IsAccepted();
        Assert.Equal(Phase.Finished, scene.Run.Phase);
        Assert.Equal((Metrics.None, "no data"), (scene.Run.Model!.Score, scene.Run.Model.Unscored));
    }

    [Fact]
    public void A_model_that_will_not_be_scored_is_judged_when_it_is_published()
    {
        var scene = Prepared(Rules(rounds: 2, minTrainers: 1));
        scene.Join("anna");
        scene.Update("anna").IsAccepted();
        scene.Publish(1, unscored: new string("no data")).IsAccepted();
        Assert.True(scene.Run.Model!.Judged);
        Assert.Null(NextStep.ToScore(scene.Run));
        Assert.Equal((Phase.Training, 2), (scene.Run.Phase, scene.Run.Round));
        scene.Score(1).IsDuplicate("Round 1 is scored already.");

        scene.Update("anna", 2).IsAccepted();
        scene.Publish(2, unscored: new string("no data")).IsAccepted();
        Assert.Equal(Phase.Finished, scene.Run.Phase);
        Assert.Equal((Metrics.None, "no data"), (scene.Run.Model!.Score, scene.Run.Model.Unscored));
        Assert.Same(scene.Run.Trail[1].Unscored, scene.Run.Trail[2].Unscored);
    }

    [Fact]
    public void A_model_made_of_some_updates_names_and_sums_those()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna", examples: 10);
        scene.Update("bert", examples: 30);
        var publish = new Command.PublishModel(Digits, 1, new BlobRef(Blob("model 1"), 10), 1)
        {
            Memory = new BlobRef(Blob("memory"), 4), Metrics = Metrics.Of(("norm", 2)),
        };
        scene.Do(publish with { Contributors = [Id("carl")] }).IsRejected("Trainer carl has no update in round 1.");
        publish = publish with { Contributors = [Id("bert")] };
        scene.Do(publish).IsAccepted();
        var model = scene.Run.Model!;
        Assert.Equal((1, 30L, publish.Memory, publish.Metrics),
            (model.Contributors, model.Examples, model.Memory, model.Metrics));
        Assert.Equal([Id("bert")], model.Counted.ToArray());
        Assert.Equal(2, model.Updates.Length);
        Assert.Contains(publish.Memory.Value, scene.Run.KeptModelBlobs);
        scene.Do(publish).IsDuplicate("Round 1's model is published already.");
        scene.Do(publish with { Memory = null }).IsRejected("Round 1 has another server memory.");
    }

    [Fact]
    public void Naming_every_contributor_is_the_same_as_naming_none()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna");
        scene.Update("bert");
        scene.Do(new Command.PublishModel(Digits, 1, new BlobRef(Blob("model 1"), 10), 1)
        {
            Contributors = [Id("anna"), Id("bert")],
        }).IsAccepted();
        Assert.Equal((2, 0), (scene.Run.Model!.Contributors, scene.Run.Model.Counted.Length));
    }

    [Fact]
    public void A_model_is_judged_once()
    {
        var scene = Training("anna");
        scene.PlayRound(1, "anna");
        Assert.False(scene.Run.Model!.Judged);
        scene.Score(1, 0.8).IsAccepted();
        Assert.Equal(Scored(0.1, 0.8, 2000), scene.Run.Model!.Score);
        scene.Score(1, 0.7).IsDuplicate("Round 1 is scored already.");
        scene.CannotScore(1, "late").IsDuplicate("Round 1 is scored already.");
        scene.CannotScore(0, "").IsAccepted();
        Assert.Equal("not scored", scene.Run.Trail[0].Unscored);
    }

    [Fact]
    public void A_round_without_a_model_cannot_be_scored()
    {
        var scene = Training("anna");
        scene.Score(1).IsRejected("Round 1 has no model to score.");
        scene.Score(-1).IsRejected("Round -1 has no model to score.");
    }

    [Fact]
    public void A_score_may_come_after_the_run_was_stopped_and_leaves_it_stopped()
    {
        var scene = Prepared(Rules(rounds: 1, minTrainers: 1));
        scene.Join("anna");
        scene.PlayRound(1, "anna");
        scene.End();
        scene.Score(1).IsAccepted();
        Assert.Equal(Phase.Stopped, scene.Run.Phase);
    }

    [Fact]
    public void The_best_model_is_the_earliest_with_the_highest_accuracy_and_never_one_without_a_number()
    {
        var scene = Prepared(Rules(rounds: 5, minTrainers: 1));
        scene.Join("anna");
        Assert.Null(scene.Run.Trail.Best);
        for (int round = 1; round <= 4; round++) scene.PlayRound(round, "anna");
        scene.Score(1, double.NaN);
        scene.Score(4, 0.9);
        scene.Score(3, 0.5);
        scene.Score(2, 0.9);
        Assert.Equal(2, scene.Run.Trail.Best!.Round);
    }

    [Fact]
    public void The_newest_models_and_the_best_are_kept()
    {
        var scene = Prepared(Rules(rounds: 5, minTrainers: 1, keepModels: 2));
        scene.Join("anna");
        for (int round = 1; round <= 4; round++)
        {
            scene.PlayRound(round, "anna");
            scene.Score(round, round == 1 ? 0.99 : 0.5);
        }
        Assert.Equal([1, 3, 4], scene.Run.KeptModels.Select(m => m.Round).Order());
        scene.PlayRound(5, "anna");
        scene.Score(5, 1.0);
        Assert.Equal([4, 5], scene.Run.KeptModels.Select(m => m.Round).Order());
    }

    [Fact]
    public void The_model_that_is_scored_next_is_kept_until_it_is_judged()
    {
        var scene = Prepared(Rules(rounds: 5, minTrainers: 1, keepModels: 1));
        scene.Join("anna");
        for (int round = 1; round <= 4; round++) scene.PlayRound(round, "anna");
        Assert.Equal(1, NextStep.ToScore(scene.Run)!.Round);
        Assert.Equal([1, 4], scene.Run.KeptModels.Select(m => m.Round).Order());
    }

    [Fact]
    public void The_updates_of_the_newest_rounds_and_of_the_open_one_are_kept()
    {
        var scene = Prepared(Rules(rounds: 5, minTrainers: 2, keepUpdateRounds: 2));
        scene.Join("anna");
        scene.Join("bert");
        for (int round = 1; round <= 3; round++) scene.PlayRound(round, "anna", "bert");
        scene.Update("bert", 4);
        string[] kept = ["anna in 2", "bert in 2", "anna in 3", "bert in 3", "bert in 4"];
        Assert.Equal(kept.Select(Blob), scene.Run.KeptUpdates.Select(u => u.Blob));
        Assert.Equal([0, 0, 2, 2], scene.Run.Trail.Select(m => m.Updates.Length));
        Assert.Equal([0, 2, 2, 2], scene.Run.Trail.Select(m => m.Contributors));
    }

    [Fact]
    public void With_nothing_to_keep_only_the_open_rounds_updates_are_kept()
    {
        var scene = Prepared(Rules(minTrainers: 2, keepUpdateRounds: 0));
        scene.Join("anna");
        scene.Join("bert");
        scene.PlayRound(1, "anna", "bert");
        Assert.Empty(scene.Run.KeptUpdates);
        scene.Update("anna", 2);
        Assert.Equal([Blob("anna in 2")], scene.Run.KeptUpdates.Select(u => u.Blob));
    }

    [Fact]
    public void The_trail_never_lists_more_updates_than_its_limit()
    {
        var scene = Prepared(Rules(rounds: 5, minTrainers: 1, keepUpdateRounds: 5));
        scene.Join("anna");
        scene.PlayRound(1, "anna");
        scene.PlayRound(2, "anna");
        var run = scene.Run;
        var one = run.Trail[1].Updates[0];
        var many = Enumerable.Range(0, Limits.ListedUpdates - 1).Select(i => one with { Trainer = Id($"t{i:D6}") })
            .ToImmutableArray();
        var first = run.Trail[1] with { Updates = many, Contributors = many.Length };
        run = run with { Trail = run.Trail.SetItem(1, first) };
        scene.Restore(scene.State with { Runs = scene.State.Runs.SetItem(0, run) });

        scene.PlayRound(3, "anna");

        Assert.Equal([0, 0, 1, 1], scene.Run.Trail.Select(m => m.Updates.Length));
    }

    [Fact]
    public void The_present_trainer_with_the_lowest_id_is_asked_for_the_initial_model()
    {
        var scene = new Scene();
        scene.Open(rules: Rules() with { Initial = InitialModel.Trainer }).IsAccepted();
        Assert.Null(scene.Run.Initialiser);
        scene.Join("bert").IsAccepted();
        Assert.Equal(Id("bert"), scene.Run.Initialiser);
        scene.Join("anna").IsAccepted();
        Assert.Equal(Id("anna"), scene.Run.Initialiser);
        scene.Leave("anna").IsAccepted();
        Assert.Equal(Id("bert"), scene.Run.Initialiser);
        scene.Publish(0).IsAccepted();
        Assert.Null(scene.Run.Initialiser);
        scene.Publish(0, content: "another").IsRejected($"Round 0 has another model: {Blob("model 0").Short}….");
    }
}
