using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>The one next step in every phase. The scene's rules: deadline 10 min, grace 30 s.</summary>
public sealed class NextStepTests
{
    private static readonly NextStep UntilTheStateMoves = new NextStep.Wait(null);

    [Fact]
    public void A_preparing_run_needs_its_initial_model()
    {
        var scene = new Scene();
        scene.Open();
        Assert.Equal(new NextStep.MakeInitialModel(), Next(scene, 0, 0));
    }

    [Theory]
    [InlineData(InitialModel.Upload)]
    [InlineData(InitialModel.Trainer)]
    public void A_run_that_is_given_its_initial_model_waits_for_it(InitialModel initial)
    {
        var scene = new Scene();
        scene.Open(rules: Rules() with { Initial = initial });
        Assert.Equal(UntilTheStateMoves, Next(scene, 0, 0));
    }

    [Fact]
    public void A_waiting_run_waits_for_a_change_of_the_state() =>
        Assert.Equal(UntilTheStateMoves, Next(Prepared(), 100_000, 100_000));

    [Fact]
    public void A_round_with_too_few_updates_waits_beyond_any_deadline() =>
        Assert.Equal(UntilTheStateMoves, Next(Training("anna", "bert"), 100_000, 100_000));

    [Theory]
    [InlineData(0, 0, 30)]
    [InlineData(0, 10, 20)]
    [InlineData(590, 0, 10)]
    [InlineData(560, 0, 30)]
    [InlineData(599.5, 29, 0.5)]
    public void With_enough_updates_it_waits_for_the_nearer_of_grace_and_deadline(
        double sinceOpened, double sinceEnough, double left) =>
        Assert.Equal(new NextStep.Wait(TimeSpan.FromSeconds(left)), Next(OneOfTwo(), sinceOpened, sinceEnough));

    [Theory]
    [InlineData(30, 30)]
    [InlineData(600, 0)]
    [InlineData(1e6, 1e6)]
    public void After_grace_or_deadline_the_round_is_closed(double sinceOpened, double sinceEnough) =>
        Assert.Equal(new NextStep.Close(1), Next(OneOfTwo(), sinceOpened, sinceEnough));

    [Fact]
    public void Without_a_grace_period_only_the_deadline_closes()
    {
        var run = OneOfTwo().Run;
        run = run with { Rules = run.Rules with { Grace = TimeSpan.Zero } };
        Assert.Equal(
            new NextStep.Wait(TimeSpan.FromSeconds(1)),
            NextStep.Of(run, TimeSpan.FromSeconds(599), TimeSpan.FromSeconds(599)));
        Assert.Equal(new NextStep.Close(1), NextStep.Of(run, TimeSpan.FromSeconds(600), TimeSpan.Zero));
    }

    [Fact]
    public void A_closed_round_is_aggregated()
    {
        var scene = OneOfTwo();
        scene.Close();
        Assert.Equal(new NextStep.Aggregate(1), Next(scene, 0, 0));
    }

    [Fact]
    public void A_run_past_its_rounds_or_ended_needs_nothing()
    {
        var scene = Prepared(Rules(rounds: 1, minTrainers: 1));
        scene.Join("anna");
        scene.PlayRound(1, "anna");
        Assert.Equal((Phase.Scoring, UntilTheStateMoves), (scene.Run.Phase, Next(scene, 1e6, 1e6)));
        scene.Score(1);
        Assert.Equal((Phase.Finished, UntilTheStateMoves), (scene.Run.Phase, Next(scene, 1e6, 1e6)));

        var stopped = OneOfTwo();
        stopped.End();
        Assert.Equal(UntilTheStateMoves, Next(stopped, 1e6, 1e6));
    }

    [Fact]
    public void The_state_machine_accepts_every_closing_step()
    {
        var scene = OneOfTwo();
        var close = Assert.IsType<NextStep.Close>(Next(scene, 600, 0));
        scene.Close(close.Round).IsAccepted();
        var aggregate = Assert.IsType<NextStep.Aggregate>(Next(scene, 0, 0));
        scene.Publish(aggregate.Round).IsAccepted();
    }

    [Fact]
    public void The_oldest_round_without_a_score_is_scored_next_and_never_the_initial_model()
    {
        var scene = Prepared(Rules(minTrainers: 1));
        scene.Join("anna");
        Assert.Null(NextStep.ToScore(scene.Run));
        scene.PlayRound(1, "anna");
        scene.PlayRound(2, "anna");
        Assert.Equal(1, NextStep.ToScore(scene.Run)!.Round);
        scene.CannotScore(1, "no data");
        Assert.Equal(2, NextStep.ToScore(scene.Run)!.Round);
        scene.Score(2);
        Assert.Null(NextStep.ToScore(scene.Run));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Nothing_is_scored_in_a_run_that_did_not_end_well(bool failed)
    {
        var scene = Training("anna");
        scene.PlayRound(1, "anna");
        Assert.NotNull(NextStep.ToScore(scene.Run));
        scene.End(failed: failed);
        Assert.Null(NextStep.ToScore(scene.Run));
    }

    private static Scene OneOfTwo()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna").IsAccepted();
        return scene;
    }

    private static NextStep Next(Scene scene, double sinceOpened, double sinceEnough) =>
        NextStep.Of(scene.Run, TimeSpan.FromSeconds(sinceOpened), TimeSpan.FromSeconds(sinceEnough));
}
