using Quorate.Coordinator.Intake;
using Quorate.Rounds;
using Quorate.Unit.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Intake;

public sealed class RunSignalTests
{
    [Fact]
    public void Trainers_are_woken_by_the_progress_of_any_active_run_and_by_nothing_else()
    {
        var scene = Training("anna", "bert");
        Assert.False(Wakes(scene, () => scene.Open("newer")));
        Assert.True(Wakes(scene, () => scene.Do(new Command.LimitActiveRuns(2, 1))));
        Assert.False(Wakes(scene, () => scene.Open("queued")));
        Assert.False(Wakes(scene, () => scene.Do(new Command.Join(RunId.Parse("newer"), Id("anna"), 1, 0, 5, 1))));
        Assert.False(Wakes(scene, () => scene.Update("anna")));
        Assert.True(Wakes(scene, () => scene.Update("bert")));
        Assert.True(Wakes(scene, () => scene.Publish(1)));
        Assert.False(Wakes(scene, () => scene.Score(1)));
        Assert.False(Wakes(scene, () => scene.End("queued")));
        Assert.True(Wakes(scene, () => scene.End("newer")));
    }

    private static bool Wakes(Scene scene, Func<Outcome> change)
    {
        var before = scene.State;
        change().IsAccepted();
        return RunSignal.Wakes(before, scene.State);
    }
}
