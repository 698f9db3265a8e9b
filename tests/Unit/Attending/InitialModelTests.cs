using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;
using Quorate.Unit.Cluster;

namespace Quorate.Unit.Attending;

/// <summary>Runs that say who makes their initial model, on coordinators without a trainer program.</summary>
public sealed class InitialModelTests
{
    [Fact]
    public async Task The_asked_trainer_makes_the_initial_model_and_the_run_finishes()
    {
        await using var cluster = await StartAsync(nodes: 3, "trainer");
        var waiting = await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        Assert.Equal("Waiting for a trainer that makes the initial model.", waiting.Run.WaitingFor);
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        using Maker anna = new(), bert = new();

        var first = AttendAsync(cluster, "anna", anna, bound.Token);
        await cluster.StatusAsync(run => run.Phase == RunPhase.Waiting, "the initial model");
        await Task.WhenAll(first, AttendAsync(cluster, "bert", bert, bound.Token));

        var ended = await cluster.StatusAsync(run => run.Phase == RunPhase.Finished, "the end");
        Assert.Equal((1, 0), (anna.Made, bert.Made));
        Assert.Equal(
            [BlobHash.Of(TestTrainer.Weights(3)), BlobHash.Of(TestTrainer.Weights(5))],
            new[] { ended.Run.Trail[0], ended.Run.Trail[^1] }.Select(model => BlobHash.FromBytes(model.Blob.Span)));
    }

    [Fact]
    public async Task A_trainer_that_makes_no_initial_model_says_so_and_trains_from_an_uploaded_one()
    {
        await using var cluster = await StartAsync(nodes: 1, "trainer");
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        using PlusOne anna = new(), bert = new();
        var first = AttendAsync(cluster, "anna", anna, bound.Token);

        var status = await cluster.StatusAsync(
            run => run.WaitingFor.Contains("anna reports", StringComparison.Ordinal), "the trainer's fault");
        Assert.Equal("Waiting for trainer anna to make the initial model. Trainer anna reports: This trainer program "
            + "makes no initial model; upload one with `quorate models push`.", status.Run.WaitingFor);

        Assert.Equal(VerdictCode.Accepted, (await TestTrainer.SeedAsync(cluster[0], TestTrainer.Weights(7))).Verdict);
        await Task.WhenAll(first, AttendAsync(cluster, "bert", bert, bound.Token));
        await cluster.StatusAsync(run => run.Phase == RunPhase.Finished, "the end");
    }

    [Fact]
    public async Task A_run_that_awaits_an_upload_names_the_command_and_takes_no_trainers_model()
    {
        await using var cluster = await StartAsync(nodes: 1, "upload");
        var status = await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        Assert.Equal("Waiting for an initial model: quorate models push FILE --run test", status.Run.WaitingFor);
        await new TestTrainer(cluster[0], "anna", incarnation: 1).JoinAsync();

        Assert.Equal((VerdictCode.Rejected, "Run 'test' does not ask its trainers for the initial model."),
            await MadeByAsync(cluster, "anna", incarnation: 1));
        Assert.Equal(VerdictCode.Accepted, (await TestTrainer.SeedAsync(cluster[0], TestTrainer.Weights(3))).Verdict);
    }

    [Fact]
    public async Task Only_a_member_may_send_the_initial_model()
    {
        await using var cluster = await StartAsync(nodes: 1, "trainer");
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        await new TestTrainer(cluster[0], "anna", incarnation: 1).JoinAsync();
        foreach (var (trainer, incarnation) in new[] { ("bert", 1UL), ("anna", 2UL) })
            Assert.Equal(
                (VerdictCode.Rejected,
                    $"Trainer {trainer} is not in the client set under that incarnation: join first."),
                await MadeByAsync(cluster, trainer, incarnation));
        Assert.Equal("The seed model names no valid trainer id.", (await MadeByAsync(cluster, "a b", 1)).Reason);
        Assert.Equal(VerdictCode.Accepted, (await MadeByAsync(cluster, "anna", incarnation: 1)).Verdict);
    }

    private static Task<TestCluster> StartAsync(int nodes, string initial) => TestCluster.StartAsync(
        nodes, $$"""{ "name": "test", "rounds": 2, "minTrainers": 2, "seed": 1, "initial": "{{initial}}" }""");

    private static Task AttendAsync(TestCluster cluster, string id, ILearner learner, CancellationToken token) =>
        TrainerLoop.AttendAsync(
            new AttendSettings
            {
                Trainer = TrainerId.Parse(id), WorkDirectory = Path.Combine(cluster.Root, id), Once = true,
            },
            cluster.Hosts, learner, TextWriter.Null, TextWriter.Null, token);

    private static async Task<(VerdictCode Verdict, string Reason)> MadeByAsync(
        TestCluster cluster, string trainer, ulong incarnation)
    {
        byte[] model = TestTrainer.Weights(3);
        var reply = await TestTrainer.SendAsync(cluster[0], model, new UploadHeader
        {
            Blob = Google.Protobuf.ByteString.CopyFrom(BlobHash.Of(model).ToArray()), Length = model.Length,
            Seed = new SeedFacts { Run = "test", Trainer = trainer, Incarnation = incarnation },
        });
        return (reply.Verdict, reply.Reason);
    }

    /// <summary>Adds 1 to every weight, and starts runs with weights of 3.</summary>
    private sealed class Maker : ILearner
    {
        private readonly PlusOne _training = new();

        public int Made { get; private set; }

        public RunId? Run => _training.Run;

        public long Examples => _training.Examples;

        public Task PrepareAsync(RunId run, RunFile file, CancellationToken token) =>
            _training.PrepareAsync(run, file, token);

        public void MakeInitialModel(HashedFileStream model, CancellationToken token)
        {
            Made++;
            model.Write(TestTrainer.Weights(3));
        }

        public Learned Train(
            RoundWork work, string model, HashedFileStream update, Action<double> progress, CancellationToken token) =>
            _training.Train(work, model, update, progress, token);

        public void Dispose() => _training.Dispose();
    }
}
