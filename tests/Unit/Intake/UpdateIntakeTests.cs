using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Intake;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Unit.Blobs;
using Quorate.Unit.Consensus;
using Quorate.Unit.Rounds;

namespace Quorate.Unit.Intake;

public sealed class UpdateIntakeTests
{
    /// <summary>A straggler: its file may be another update's before it was looked at.</summary>
    [Fact]
    public async Task An_update_whose_round_ends_while_it_is_checked_is_stale_though_its_file_is_gone()
    {
        var scene = Scene.Training("anna", "bert");
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
        var header = new UploadHeader
        {
            Blob = ByteString.CopyFrom(Scene.Blob("anna in 1").ToArray()), Length = 10,
            Update = new UpdateFacts
            {
                Run = Scene.Digits.ToString(), Round = 1, Trainer = "anna", Incarnation = 1, Examples = 100,
                Metrics = { ["loss"] = 0.5 },
            },
        };
        Assert.Null(intake.Admit(header));
        ends = true;

        var reply = await intake.CommitAsync(header, store.PathOf(Scene.Blob("anna in 1")), member, default);

        Assert.Equal(VerdictCode.Stale, reply.Verdict);
    }

    private static void EndRound(Scene scene)
    {
        scene.Update("bert").IsAccepted();
        scene.Close().IsAccepted();
        scene.Publish(1).IsAccepted();
    }

    private static UpdateIntake Intake(Scene scene, Quorate.Coordinator.Blobs.BlobStore store)
    {
        var options = new CoordinatorOptions
        {
            Node = 0, Run = null, DataDirectory = "", TrainerPrograms = [], Lease = TimeSpan.FromSeconds(10),
            Hosts = HostsFile.Parse(
                """{ "nodes": [ { "id": 0, "raft": "127.0.0.1:1", "grpc": "127.0.0.1:2" } ] }"""),
        };
        var log = new LeadingLog(scene);
        return new UpdateIntake(log, new LeaderGate(log, options), store, new LostUpdates(log, store, options),
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
