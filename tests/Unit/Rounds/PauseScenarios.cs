using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>A run that an operator pauses, and one that starts from another run's model.</summary>
public sealed class PauseScenarios
{
    private static readonly RunId _child = RunId.Parse("child");

    [Fact]
    public void A_paused_run_takes_updates_and_opens_no_round_until_it_is_resumed()
    {
        var scene = Training("anna", "bert");
        scene.Do(new Command.PauseRun(Digits, 1)).IsAccepted();
        scene.Do(new Command.PauseRun(Digits, 2)).IsDuplicate("Run 'digits' is paused already.");
        scene.PlayRound(1, "anna", "bert");
        Assert.Equal((Phase.Waiting, 2), (scene.Run.Phase, scene.Run.Round));
        scene.Do(new Command.ResumeRun(Digits, 77)).IsAccepted();
        Assert.Equal((Phase.Training, 77L), (scene.Run.Phase, scene.Run.RoundOpenedAt));
        scene.Do(new Command.ResumeRun(Digits, 78)).IsDuplicate("Run 'digits' is not paused.");
    }

    [Fact]
    public void No_deadline_closes_a_round_while_the_run_is_paused()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna").IsAccepted();
        var late = TimeSpan.FromDays(1);
        Assert.IsType<NextStep.Close>(NextStep.Of(scene.Run, late, late));
        scene.Do(new Command.PauseRun(Digits, 1)).IsAccepted();
        Assert.Equal(new NextStep.Wait(null), NextStep.Of(scene.Run, late, late));
    }

    [Fact]
    public void A_run_that_has_ended_is_not_paused_and_cannot_be()
    {
        var scene = Training("anna");
        scene.Do(new Command.PauseRun(Digits, 1)).IsAccepted();
        scene.End();
        Assert.False(scene.Run.Paused);
        scene.Do(new Command.PauseRun(Digits, 1)).IsRejected("Run 'digits' has ended.");
        scene.Do(new Command.ResumeRun(Digits, 1)).IsRejected("Run 'digits' has ended.");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_starts_from_its_parents_model_and_memory(bool freshMemory)
    {
        var scene = Training("anna");
        scene.Update("anna");
        var memory = new BlobRef(Blob("memory"), 4);
        scene.Do(new Command.PublishModel(Digits, 1, new BlobRef(Blob("model 1"), 10), 1) { Memory = memory })
            .IsAccepted();
        scene.End();
        var open = new Command.OpenRun(_child, Rules(), "{}", 5)
        {
            Parent = new ParentModel(Digits, 1, freshMemory),
        };
        scene.Do(open).IsAccepted();
        Assert.Equal((Phase.Waiting, 1), (scene.Run.Phase, scene.Run.Round));
        Assert.Equal((0, Blob("model 1"), freshMemory ? null : (BlobRef?)memory),
            (scene.Run.Model!.Round, scene.Run.Model.Blob, scene.Run.Model.Memory));
        scene.Do(open).IsDuplicate("Run 'child' is open already.");
        scene.Do(open with { Parent = null }).IsRejected("There is another run 'child': choose a new name.");
    }

    [Fact]
    public void A_parent_whose_model_is_gone_is_refused()
    {
        var scene = Prepared(Rules(rounds: 5, minTrainers: 1, keepModels: 1));
        scene.Join("anna");
        for (int round = 1; round <= 3; round++)
        {
            scene.PlayRound(round, "anna");
            scene.CannotScore(round, "no data");
        }
        scene.End();
        var open = new Command.OpenRun(_child, Rules(), "{}", 5) { Parent = new ParentModel(Digits, 1, false) };
        scene.Do(open).IsRejected("Run 'digits' has no model of round 1 (any more).");
        scene.Do(open with { Parent = new ParentModel(_child, 1, false) }).IsRejected(
            "Run 'child' has no model of round 1 (any more).");
        scene.Do(open with { Parent = new ParentModel(Digits, 3, false) }).IsAccepted();
    }
}
