using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Driving;
using Quorate.Rounds;
using Quorate.Unit.Blobs;
using Quorate.Unit.Consensus;
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

    /// <summary>They stayed until the next run, or for ever.</summary>
    [Fact]
    public async Task The_files_that_wait_to_be_overwritten_are_deleted_when_the_run_ends_with_its_last_score()
    {
        using var directory = new TestDirectory();
        using var store = directory.Store();
        using var cleanup = new RoundCleanup(new NoLog(), store);
        var scene = Prepared(Rules(keepUpdateRounds: 0) with { Rounds = 1 });
        scene.Join("anna");
        scene.Join("bert");
        byte[] update = TestBlobs.Bytes(1000);
        store.RecordPurpose(BlobHash.Of(update), new UpdateRound(Digits, 1));
        await store.PutAsync(update);
        scene.Update("anna");
        scene.Update("bert");
        var closed = scene.State;
        scene.Publish(1).IsAccepted();
        var scoring = scene.State;

        await cleanup.ReleaseAsync(closed, scoring, default);
        Assert.Single(Directory.GetFiles(Path.Combine(directory.Root, "node", "parts")));
        scene.Score(1).IsAccepted();
        await cleanup.ReleaseAsync(scoring, scene.State, default);

        Assert.Empty(Directory.GetFiles(Path.Combine(directory.Root, "node", "parts")));
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

    private sealed class NoLog : StubLog
    {
        public override ClusterState State => throw new NotSupportedException();

        public override Leadership Leadership => throw new NotSupportedException();
    }
}
