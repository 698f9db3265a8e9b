using Quorate.Coordinator.Driving;
using Quorate.Rounds;
using Quorate.Unit.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Driving;

public sealed class RoundCleanupTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_published_model_releases_its_updates_and_the_previous_model(int keepUpdateRounds)
    {
        var scene = Prepared(Rules(keepUpdateRounds: keepUpdateRounds));
        scene.Join("anna");
        scene.Join("bert");
        scene.Update("anna");
        scene.Update("bert");
        var before = scene.State;

        scene.Publish(1).IsAccepted();

        Assert.Equal([Blob("anna in 1"), Blob("bert in 1"), Blob("model 0")], RoundCleanup.Over(before, scene.State));
    }

    [Fact]
    public void No_blob_is_released_while_a_round_is_open()
    {
        var scene = Training("anna", "bert");
        var before = scene.State;
        scene.Update("anna");
        Assert.Empty(RoundCleanup.Over(before, scene.State));
    }

    [Fact]
    public void An_older_run_releases_its_blobs_beside_a_newer_one()
    {
        var scene = Training("anna");
        scene.Do(new Command.LimitActiveRuns(2, 1)).IsAccepted();
        scene.Open("newer").IsAccepted();
        scene.Update("anna").IsAccepted();
        var before = scene.State;
        scene.Publish(1).IsAccepted();
        Assert.Equal([Blob("anna in 1"), Blob("model 0")], RoundCleanup.Over(before, scene.State));
    }

    [Fact]
    public void The_initial_model_releases_no_blob()
    {
        var scene = new Scene();
        scene.Open();
        var before = scene.State;
        scene.Publish(0).IsAccepted();
        Assert.Empty(RoundCleanup.Over(before, scene.State));
    }
}
