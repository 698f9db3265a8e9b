using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;
using Quorate.Unit.Cluster;

namespace Quorate.Unit.Attending;

/// <summary>The trainer's client against a whole coordinator, with a learner that returns what it gets.</summary>
public sealed class RoundWorkerTests : IAsyncLifetime
{
    private const string OneTrainer =
        """{ "name": "test", "rounds": 1, "minTrainers": 1, "minResults": 1, "seed": 1 }""";

    private TestCluster _cluster = null!;

    private string Work => Path.Combine(_cluster.Root, "anna");

    public async Task InitializeAsync()
    {
        _cluster = await TestCluster.StartAsync(nodes: 1, OneTrainer);
        await _cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
    }

    public Task DisposeAsync() => _cluster.DisposeAsync().AsTask();

    /// <summary>
    /// A model is not flushed: after a power loss its file may be empty or hold anything.
    /// </summary>
    [Theory]
    [InlineData("")]
    [InlineData("what the power loss left")]
    public async Task A_model_file_from_before_is_used_only_if_its_bytes_are_right(string left)
    {
        byte[] model = TestTrainer.Weights(3);
        await TestTrainer.SeedAsync(_cluster[0], model);
        string models = Path.Combine(Work, "models");
        Directory.CreateDirectory(models);
        await File.WriteAllTextAsync(Path.Combine(models, $"{BlobHash.Of(model)}.pt"), left);

        Assert.Equal(model, Assert.Single(await AttendToTheEndAsync()));
    }

    [Fact]
    public async Task A_trainer_that_cannot_take_part_reports_why_and_waits_for_the_next_run()
    {
        await TestTrainer.SeedAsync(_cluster[0], TestTrainer.Weights(3));
        using var learner = new Echo
        {
            BeforePreparing = run => Refuse($"{run}" == "test", "data/none has no files.", isTemporary: false),
        };
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        var attending = AttendAsync(learner, once: false, bound.Token);

        var status = await _cluster.StatusAsync(run => run.WaitingFor.Contains("data/none", StringComparison.Ordinal),
            "the trainer's fault");
        Assert.EndsWith("Trainer anna reports: data/none has no files.", status.Run.WaitingFor,
            StringComparison.Ordinal);
        var trainer = Assert.Single(status.Run.Trainers);
        Assert.Equal(("anna", false, "data/none has no files."), (trainer.Trainer, trainer.Present, trainer.Fault));

        var admin = _cluster[0].Admin;
        await admin.StopRunAsync(new StopRunRequest { Run = "test" });
        string next = OneTrainer.Replace("test", "next", StringComparison.Ordinal);
        await admin.OpenRunAsync(new OpenRunRequest { RunFile = next });
        await _cluster.StatusAsync(
            run => run.Run == "next" && run.Trainers.Any(trainer => trainer is { Present: true, Fault: "" }),
            "the next run's trainer");

        await bound.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => attending);
    }

    [Fact]
    public async Task A_fault_that_passes_costs_one_more_try()
    {
        await TestTrainer.SeedAsync(_cluster[0], TestTrainer.Weights(3));
        int trainings = 0, preparations = 0;
        using var learner = new Echo
        {
            BeforePreparing = _ => Refuse(++preparations == 1, "data/set cannot be read.", isTemporary: true),
            BeforeTraining = () => Refuse(++trainings == 1, "The disk is full.", isTemporary: true),
        };
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        await AttendAsync(learner, once: true, bound.Token);

        Assert.Equal((2, 2), (preparations, trainings));
        var status = await _cluster.StatusAsync(run => run.Phase == RunPhase.Finished, "the end");
        Assert.Equal("", Assert.Single(status.Run.Trainers).Fault);
    }

    private static void Refuse(bool now, string why, bool isTemporary)
    {
        if (now) throw new LearnerException(why, isTemporary);
    }

    /// <summary>The models that were trained from.</summary>
    private async Task<List<byte[]>> AttendToTheEndAsync()
    {
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        using var learner = new Echo();
        await AttendAsync(learner, once: true, bound.Token);
        return learner.Models;
    }

    private async Task AttendAsync(Echo learner, bool once, CancellationToken token)
    {
        var settings = new AttendSettings
        {
            Trainer = TrainerId.Parse("anna"), WorkDirectory = Work, Once = once,
            HeartbeatEvery = TimeSpan.FromMilliseconds(50), RetryAfterMax = TimeSpan.FromMilliseconds(50),
        };
        var (time, presence) = (TimeProvider.System, new Presence(settings.Trainer, incarnation: 1));
        var terminal = new Terminal(time, TextWriter.Null, "anna");
        await using var worker = new RoundWorker(settings, _cluster.Connections, learner, presence, terminal, time);
        await new TrainerLoop(settings, _cluster.Connections, worker, presence, terminal, time).RunAsync(token);
    }

    private sealed class Echo : ILearner
    {
        public Action<RunId> BeforePreparing { get; init; } = _ => { };
        public Action BeforeTraining { get; init; } = () => { };
        public List<byte[]> Models { get; } = [];
        public RunId? Run { get; private set; }
        public long Examples => 10;

        public Task PrepareAsync(RunId run, RunFile file, CancellationToken token)
        {
            BeforePreparing(run);
            Run = run;
            return Task.CompletedTask;
        }

        public Learned Train(
            RoundWork work, string model, HashedFileStream update, Action<double> progress, CancellationToken token)
        {
            BeforeTraining();
            Models.Add(File.ReadAllBytes(model));
            update.Write(Models[^1]);
            return new Learned(Examples, loss: 0);
        }

        public void Dispose()
        {
        }
    }
}
