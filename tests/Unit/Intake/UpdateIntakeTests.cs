using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Intake;
using Quorate.Rounds;
using Quorate.Unit.Blobs;
using Quorate.Unit.Consensus;
using Quorate.Unit.Rounds;

namespace Quorate.Unit.Intake;

public sealed class UpdateIntakeTests
{
    /// <summary>A straggler: its file may be another update's before it was looked at.</summary>
    private const string Plan = """{ "name": "digits", "rounds": 3, "minTrainers": 2, "seed": 1 }""";

    [Fact]
    public async Task An_update_whose_round_ends_while_it_is_checked_is_stale_though_its_file_is_gone()
    {
        var scene = new Scene();
        scene.Open(rules: Scene.Rules(minTrainers: 2), plan: Plan).IsAccepted();
        scene.Publish(0).IsAccepted();
        scene.Join("anna").IsAccepted();
        scene.Join("bert").IsAccepted();
        bool ends = false;
        using var directory = new TestDirectory();
        using var store = directory.Store(disk: new OddDisk(stamp =>
        {
            // The model is looked for just before the update's file is opened.
            if (ends) EndRound(scene);
            ends = false;
            return stamp;
        }));
        await store.PutAsync("model 0"u8.ToArray());
        var intake = Intake(scene, store);
        var group = new GroupCommit(TimeProvider.System);
        using var member = group.Join();
        var offer = new UpdateOffer(
            Scene.Digits, Scene.Blob("anna in 1"), 10, 1, TrainerId.Parse("anna"), Incarnation: 1, Examples: 100,
            Metrics.None);
        Assert.False(intake.TryJudge(offer, out _));
        ends = true;

        var outcome = await intake.CommitAsync(offer, member, default);

        Assert.Equal(Verdict.Stale, outcome.Verdict);
    }

    private static void EndRound(Scene scene)
    {
        scene.Update("bert").IsAccepted();
        scene.Close().IsAccepted();
        scene.Publish(1).IsAccepted();
    }

    private static UpdateIntake Intake(Scene scene, BlobStore store)
    {
        var options = TestOptions.Of(node: 0);
        var log = new LeadingLog(scene);
        var replication = new Replication(
            store, [], new ReplicationOptions(), TimeProvider.System, NullLogger<Replication>.Instance);
        return new UpdateIntake(
            log, store, new BlobReceiver(store, replication, TimeProvider.System), replication,
            new LostUpdates(log, store, options),
            new CallLimits(),
            TimeProvider.System, NullLogger<UpdateIntake>.Instance);
    }

    /// <summary>Leads, and has applied what the scene has.</summary>
    private sealed class LeadingLog(Scene scene) : StubLog
    {
        public override ClusterState State => scene.State;
        public override Leadership Leadership => new(0, 1, CancellationToken.None);

        public override Task<Outcome> ProposeAsync(Command command, CancellationToken token) =>
            Task.FromResult(scene.Do(command));
    }
}
