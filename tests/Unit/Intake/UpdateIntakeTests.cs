using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Intake;
using Quorate.Rounds;
using Quorate.Shared.Transfer;
using Quorate.Unit.Blobs;
using Quorate.Unit.Consensus;
using Quorate.Unit.Rounds;

namespace Quorate.Unit.Intake;

public sealed class UpdateIntakeTests
{
    private const string Plan = """{ "name": "digits", "rounds": 3, "minTrainers": 2, "seed": 1 }""";

    /// <summary>A straggler: its file may be reused for another update before it was checked.</summary>
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
            // The store looks at the model just before it opens the update's file.
            if (ends) EndRound(scene);
            ends = false;
            return stamp;
        }));
        await store.PutAsync("model 0"u8.ToArray());
        var intake = Intake(scene, store);
        var group = new GroupCommit(TimeProvider.System);
        using var member = group.Join();
        var offer = Offer();
        Assert.False(intake.TryJudge(offer, out _));
        ends = true;

        var outcome = await intake.CommitAsync(offer, member, default);

        Assert.Equal(Verdict.Stale, outcome.Verdict);
    }

    [Fact]
    public async Task An_upload_whose_round_gets_its_model_while_parts_arrive_ends_and_is_answered_stale()
    {
        var scene = new Scene();
        scene.Open(rules: Scene.Rules(minTrainers: 2), plan: Plan).IsAccepted();
        scene.Publish(0).IsAccepted();
        scene.Join("anna").IsAccepted();
        scene.Join("bert").IsAccepted();
        using var directory = new TestDirectory();
        using var store = directory.Store(disk: new OddDisk(stamp => stamp)
        {
            Total = 1L << 40, Free = _ => 1L << 40,
        });
        using var guard = new StallGuard(TimeSpan.FromMinutes(1), TimeProvider.System, default);
        using var first = PartOf(offset: 0);
        var rest = new RestOfUpload(() => EndRound(scene));

        var answer = await Intake(scene, store).UploadAsync(Offer(), first, rest, guard, default);

        var judged = Assert.IsType<UploadAnswer.Judged>(answer);
        Assert.Equal(Verdict.Stale, judged.Outcome.Verdict);
        Assert.Equal(1, rest.Read);
    }

    private static UpdateOffer Offer() => new(
        Scene.Digits, Scene.Blob("anna in 1"), 10, 1, TrainerId.Parse("anna"), Incarnation: 1, Examples: 100,
        Metrics.None);

    private static Part PartOf(long offset)
    {
        var part = Part.Rent(2);
        part.Fill(offset, 2);
        return part;
    }

    /// <summary>Parts of two bytes, up to the offer's ten; something happens before the first of them.</summary>
    private sealed class RestOfUpload(Action before) : IAsyncStreamReader<Part>
    {
        public int Read { get; private set; }
        public Part Current { get; private set; } = Part.Rent(0);

        public Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (Read == 0) before();
            if (Read == 4) return Task.FromResult(false);
            Current = PartOf(offset: 2 * ++Read);
            return Task.FromResult(true);
        }
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
            new CallLimits(TimeProvider.System),
            TimeProvider.System, NullLogger<UpdateIntake>.Instance);
    }

    /// <summary>Leads, and has the scene's state.</summary>
    private sealed class LeadingLog(Scene scene) : StubLog
    {
        public override ClusterState State => scene.State;
        public override Leadership Leadership => new(0, 1, CancellationToken.None);

        public override Task<Outcome> ProposeAsync(Command command, CancellationToken token) =>
            Task.FromResult(scene.Do(command));
    }
}
