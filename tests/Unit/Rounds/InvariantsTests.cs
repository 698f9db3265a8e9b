using System.Collections.Immutable;
using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>
/// Tests the checker itself: it finds every broken invariant. A checker that accepts everything proves nothing.
/// </summary>
public sealed class InvariantsTests
{
    public static TheoryData<string, Func<Run, Run>> BrokenRuns => new()
    {
        { "minResults must be 1 to minTrainers (2), not 3.", r => r with { Rules = r.Rules with { MinResults = 3 } } },
        { "the trail skips a round.", r => r with { Trail = Trail.Of(r.Trail.Where((_, at) => at != 1)) } },
        { "there are more models than rounds.", r => r with { Rules = r.Rules with { Rounds = 1 } } },
        { "the count of present trainers is wrong.", r => r with { Present = 1 } },
        { "the count of awaited trainers is wrong.", r => r with { Awaited = 1 } },
        { "a trainer's examples are out of range.", r => WithTrainer(r, t => t with { Examples = 0 }) },
        { "a trainer's examples are out of range.", r => r with { Rules = r.Rules with { MaxExamples = 99 } } },
        { "a trainer's missed rounds are out of range.", r => WithTrainer(r, t => t with { Missed = 1 }) },
        { "an update is out of range.", r => WithUpdate(r, u => u with { Examples = 0 }) },
        { "an update is out of range.", r => WithUpdate(r, u => u with { Length = 0 }) },
        {
            "an update's trainer is unknown.",
            r => r with { Trainers = r.Trainers.Remove(Id("anna")), Present = 1, Awaited = 1 }
        },
        { "a preparing run has a model.", r => r with { Stage = new Stage.Preparing() } },
        { "an open round has no model.", r => r with { Trail = Trail.Empty } },
        { "a run continues past its last round.", r => r with { Rules = r.Rules with { Rounds = 2 } } },
        { "a run ended before its last round.", r => r with { Stage = new Stage.Scoring() } },
        { "a run ended before its last round.", r => r with { Stage = new Stage.Finished() } },
        {
            "a finished run has no final score.",
            r => r with { Rules = r.Rules with { Rounds = 2 }, Stage = new Stage.Finished() }
        },
        { "a run waits for trainers that are present.", r => r with { Stage = new Stage.Waiting() } },
        { "a run that is not active is paused.", r => Stopped(r) with { Paused = true } },
        {
            "a round closed with too few updates.",
            r => r with { Stage = new Stage.Closed(r.RoundOpenedAt, r.Updates.Clear()) }
        },
        { "a model's length is out of range.", r => WithModel(r, 2, m => m with { Length = 0 }) },
        { "the initial model has contributors.", r => WithModel(r, 0, m => m with { Contributors = 1 }) },
        { "a model is made of no updates.", r => WithModel(r, 2, m => m with { Contributors = 0 }) },
        {
            "a model counts updates that it does not list.",
            r => WithModel(r, 2, m => m with { Contributors = 1, Counted = [Id("carl")] })
        },
        { "a model lists some of its updates.", r => WithModel(r, 2, m => m with { Contributors = 1 }) },
        {
            "an update of the trail is out of range.",
            r => WithModel(r, 2, m => m with { Updates = [m.Updates[0] with { Examples = -1 }, m.Updates[1]] })
        },
        { "a model is both scored and not.",
            r => WithModel(r, 2, m => m with { Score = Scored(1, 1, 1), Unscored = "?" }) },
        { "updates are out of order.", r => WithModel(r, 2, m => m with { Updates = [m.Updates[1], m.Updates[0]] }) },
    };

    [Theory]
    [MemberData(nameof(BrokenRuns))]
    public void A_broken_run_is_found(string sentence, Func<Run, Run> breaking)
    {
        var state = Sound();
        Assert.Null(Invariants.FirstBroken(state));
        Assert.Equal(sentence, Invariants.FirstBroken(state with { Runs = [breaking(state.Runs[0])] }));
    }

    [Fact]
    public void A_broken_cluster_is_found()
    {
        var run = Sound().Runs[0];
        Assert.Equal("the index is negative.", Invariants.FirstBroken(ClusterState.Empty with { Index = -1 }));
        Assert.Equal("the feature level is unknown.", Invariants.FirstBroken(ClusterState.Empty with { Level = 2 }));
        Assert.Equal("two runs share a name.", Broken([Stopped(run), run]));
        Assert.Equal("there are too many answered requests.",
            Answering([.. Enumerable.Range(0, Limits.AnsweredRequests + 1).Select(i => Answer($"{i}"))]));
        Assert.Equal("two answered requests share a key.", Answering([Answer("k"), Answer("k")]));
        Assert.Equal("an answered request has no key.", Answering([Answer("k") with { Key = default }]));
        Assert.Equal("an answered request is accepted with a reason, or refused without one.",
            Answering([Answer("k") with { Outcome = Outcome.Stale("") }]));
        Assert.Equal("the limit of active runs is out of range.",
            Invariants.FirstBroken(ClusterState.Empty with { MaxActiveRuns = Limits.ActiveRuns + 1 }));
        Assert.Equal("there are too many active runs.", Broken(
            [.. Enumerable.Range(0, Limits.ActiveRuns + 1).Select(i => run with { Id = RunId.Parse($"run-{i}") })]));
        var queued = new Run
        {
            Id = RunId.Parse("queued"), Rules = run.Rules, Plan = "", OpenedAt = 0, Stage = new Stage.Queued(),
        };
        Assert.Null(Broken([run, queued]));
        Assert.Equal("a run is queued although a place is free.", Broken([queued]));
        Assert.Equal("a run was started before one that had been queued earlier.", Broken([queued, run]));
        Assert.Equal("a queued run has begun.", Broken([run, queued with
        {
            Trainers = run.Trainers, Present = run.Present, Awaited = run.Awaited,
        }]));
        Assert.Equal("there are too many runs.", Broken([.. Enumerable.Repeat(run, Limits.Runs + 1)]));

        static AnsweredRequest Answer(string key) => new(RequestKey.Parse(key), default, Outcome.Accepted);
        static string? Answering(ImmutableList<AnsweredRequest> answered) =>
            Invariants.FirstBroken(ClusterState.Empty with { Answered = answered });
        static string? Broken(ImmutableList<Run> runs) => Invariants.FirstBroken(new ClusterState { Runs = runs });
    }

    /// <summary>Round 3 of 3, with one of two updates.</summary>
    private static ClusterState Sound()
    {
        var scene = Training("anna", "bert");
        scene.PlayRound(1, "anna", "bert");
        scene.PlayRound(2, "anna", "bert");
        scene.Update("anna", 3).IsAccepted();
        return scene.State;
    }

    private static Run WithTrainer(Run run, Func<Trainer, Trainer> change) =>
        run with { Trainers = run.Trainers.SetItem(Id("anna"), change(run.Trainers[Id("anna")])) };

    private static Run WithUpdate(Run run, Func<Update, Update> change) =>
        run with
        {
            Stage = new Stage.Open(
                run.RoundOpenedAt, run.Updates.SetItem(Id("anna"), change(run.Updates[Id("anna")]))),
        };

    private static Run Stopped(Run run) =>
        run with { Stage = new Stage.Aborted(Failed: false, "enough", run.RoundOpenedAt, run.Updates) };

    private static Run WithModel(Run run, int round, Func<PublishedModel, PublishedModel> change) =>
        run with { Trail = run.Trail.SetItem(round, change(run.Trail[round])) };
}
