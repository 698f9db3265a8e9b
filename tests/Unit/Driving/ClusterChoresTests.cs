using Quorate.Coordinator.Driving;
using Quorate.Rounds;
using Quorate.Unit.Rounds;

namespace Quorate.Unit.Driving;

public sealed class ClusterChoresTests
{
    /// <summary>
    /// After sixteen more runs the first one was forgotten, and the leader once opened and trained it again.
    /// </summary>
    [Fact]
    public void A_run_that_may_have_been_forgotten_is_not_opened_by_itself()
    {
        var scene = new Scene();
        Assert.True(ClusterChores.IsNew(Scene.Digits, scene.State));
        scene.Open().IsAccepted();
        Assert.False(ClusterChores.IsNew(Scene.Digits, scene.State));
        scene.End().IsAccepted();
        for (int i = 0; i < Limits.Runs; i++)
        {
            scene.Open($"run-{i}").IsAccepted();
            scene.End($"run-{i}").IsAccepted();
        }
        Assert.Null(scene.State.Find(Scene.Digits));
        Assert.False(ClusterChores.IsNew(Scene.Digits, scene.State));
    }
}
