using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Several active runs, and those that wait for a place.</summary>
public sealed class QueueScenarios
{
    [Fact]
    public void A_run_without_a_free_place_is_queued_and_starts_when_the_one_before_it_ends()
    {
        var scene = Opened("a", "b", "c");
        Assert.Equal([Phase.Preparing, Phase.Queued, Phase.Queued], Phases(scene));
        scene.End("a").IsAccepted();
        Assert.Equal([Phase.Stopped, Phase.Preparing, Phase.Queued], Phases(scene));
        scene.End("b", failed: true).IsAccepted();
        Assert.Equal([Phase.Stopped, Phase.Failed, Phase.Preparing], Phases(scene));
    }

    [Fact]
    public void A_run_that_finishes_makes_room_as_well()
    {
        var scene = Prepared(Rules(rounds: 1, minTrainers: 1));
        scene.Open("next").IsAccepted();
        scene.Join("anna").IsAccepted();
        scene.PlayRound(1, "anna");
        Assert.Equal([Phase.Scoring, Phase.Queued], Phases(scene));
        scene.Score(1).IsAccepted();
        Assert.Equal([Phase.Finished, Phase.Preparing], Phases(scene));
    }

    [Fact]
    public void A_higher_limit_starts_as_many_queued_runs_as_it_has_places_and_a_lower_one_stops_none()
    {
        var scene = Opened("a", "b", "c", "d");
        Limit(scene, 3).IsAccepted();
        Limit(scene, 3).IsDuplicate("The limit of active runs is 3 already.");
        Assert.Equal([Phase.Preparing, Phase.Preparing, Phase.Preparing, Phase.Queued], Phases(scene));
        Assert.Equal(["a", "b", "c"], scene.State.ActiveRuns.Select(run => $"{run.Id}"));
        Limit(scene, 1).IsAccepted();
        scene.End("b");
        scene.End("a");
        Assert.Equal([Phase.Stopped, Phase.Stopped, Phase.Preparing, Phase.Queued], Phases(scene));
        scene.End("c");
        Assert.Equal(Phase.Preparing, scene.Run.Phase);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Limits.ActiveRuns + 1)]
    public void A_limit_out_of_its_range_is_refused(int max) => Limit(new Scene(), max).IsRejected(
        $"The limit of active runs must be 1 to 8, not {max}.");

    [Fact]
    public void A_queued_run_that_is_stopped_leaves_the_queue()
    {
        var scene = Opened("a", "b", "c");
        scene.End("b", reason: "not wanted").IsAccepted();
        Assert.Equal([Phase.Preparing, Phase.Stopped, Phase.Queued], Phases(scene));
        scene.End("a");
        Assert.Equal([Phase.Stopped, Phase.Stopped, Phase.Preparing], Phases(scene));
    }

    [Fact]
    public void A_queued_run_refuses_everything_but_its_end()
    {
        var scene = Opened("a", "digits");
        Outcome[] outcomes =
        [
            scene.Join("anna"), scene.Leave("anna"), scene.Update("anna"), scene.Close(), scene.Publish(0),
            scene.Score(0), scene.Do(new Command.PauseRun(Digits, 1)), scene.Do(new Command.ResumeRun(Digits, 1)),
        ];
        Assert.All(outcomes, outcome => outcome.IsRejected("Run 'digits' is queued and has not started yet."));
        scene.Open().IsDuplicate("Run 'digits' is queued already.");
        scene.Open(plan: "another").IsRejected("There is another run 'digits': choose a new name.");
    }

    /// <summary>The parent may be forgotten, and its own models be replaced, while the child is queued.</summary>
    [Fact]
    public void A_queued_run_keeps_its_parents_model()
    {
        var scene = Training("anna");
        var child = new Command.OpenRun(RunId.Parse("child"), Rules(), "{}", 5)
        {
            Parent = new ParentModel(Digits, 0, FreshMemory: false),
        };
        scene.Do(child).IsAccepted();
        for (int round = 1; round <= 3; round++) scene.PlayRound(round, "anna");
        Assert.DoesNotContain(scene.State.Runs[0].KeptModels, model => model.Round == 0);
        Assert.Equal([Blob("model 0")], scene.Run.KeptModelBlobs.Select(blob => blob.Hash));
        scene.End();
        for (int i = 0; i < Limits.Runs - 1; i++) scene.Open($"run-{i}").IsAccepted();
        Assert.Null(scene.State.Find(Digits));
        Assert.Equal((Phase.Waiting, 1, Blob("model 0")),
            (scene.State.Runs[0].Phase, scene.State.Runs[0].Round, scene.State.Runs[0].Model!.Blob));
    }

    [Fact]
    public void Only_a_run_that_has_ended_is_forgotten()
    {
        var scene = Opened([.. Enumerable.Range(0, Limits.Runs).Select(i => $"run-{i}")]);
        scene.Open("one-more").IsRejected(
            "All 16 runs that a cluster can hold are active or queued: stop one, or wait until one ends.");
        scene.End("run-5").IsAccepted();
        scene.Open("one-more").IsAccepted();
        Assert.Null(scene.State.Find(RunId.Parse("run-5")));
        Assert.Equal(Limits.Runs, scene.State.Runs.Count);
    }

    [Fact]
    public void The_rounds_of_active_runs_are_independent()
    {
        var scene = Training("anna", "bert");
        Limit(scene, 2).IsAccepted();
        scene.Open("other", Rules(minTrainers: 1)).IsAccepted();
        var other = RunId.Parse("other");
        scene.Do(new Command.PublishModel(other, 0, new BlobRef(Blob("other 0"), 10), 1)).IsAccepted();
        scene.Do(new Command.Join(other, Id("anna"), 1, 0, 7, 1)).IsAccepted();
        var update = new Command.AcceptUpdate(other, 1, Id("anna"), Blob("x"), 10, 7, Metrics.None, 1);
        scene.Do(update).IsAccepted();
        Assert.Equal([Phase.Training, Phase.Aggregating], Phases(scene));
        Assert.Empty(scene.State.Runs[0].Updates);
        scene.PlayRound(1, "anna", "bert");
        Assert.Equal([2, 1], scene.State.Runs.Select(run => run.Round));
    }

    private static Scene Opened(params string[] runs)
    {
        var scene = new Scene();
        foreach (string run in runs) scene.Open(run).IsAccepted();
        return scene;
    }

    private static Outcome Limit(Scene scene, int max) => scene.Do(new Command.LimitActiveRuns(max, scene.Now));

    private static IEnumerable<Phase> Phases(Scene scene) => scene.State.Runs.Select(run => run.Phase);
}
