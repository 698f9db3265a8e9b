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

    /// <summary>A file in the place of a folder fails like a disk that is full or must not be written.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("models")]
    [InlineData("updates")]
    public async Task A_work_folder_that_cannot_be_used_is_reported_and_used_once_it_is_mended(string part)
    {
        await TestTrainer.SeedAsync(_cluster[0], TestTrainer.Weights(3));
        string obstacle = Path.Combine(Work, part).TrimEnd('/');
        Directory.CreateDirectory(Path.GetDirectoryName(obstacle)!);
        await File.WriteAllTextAsync(obstacle, "in the way");
        using var learner = new Echo();
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        var (output, errors) = (new StringWriter(), new StringWriter());
        var attending = AttendAsync(learner, once: true, output, errors, attempts: 30, bound.Token);

        var status = await _cluster.StatusAsync(
            run => run.Trainers.Any(trainer => trainer is { Present: true, Fault.Length: > 0 }), "the trainer's fault");
        string fault = Assert.Single(status.Run.Trainers).Fault;
        Assert.StartsWith($"The work folder {Work} cannot be used: ", fault, StringComparison.Ordinal);
        Assert.Contains(obstacle, fault, StringComparison.Ordinal);

        File.Delete(obstacle);
        await attending;
        status = await _cluster.StatusAsync(run => run.Phase == RunPhase.Finished, "the end");
        Assert.Equal("", Assert.Single(status.Run.Trainers).Fault);
        Assert.Single(learner.Models);
        Assert.Equal(1, $"{errors}".Split("Trying again").Length - 1);
        Assert.DoesNotContain(obstacle, $"{output}", StringComparison.Ordinal); // The leader is not blamed.
        Assert.Contains("what was wrong works again", $"{output}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_update_that_is_lost_before_it_is_sent_is_trained_again(bool isDeleted)
    {
        await TestTrainer.SeedAsync(_cluster[0], TestTrainer.Weights(3));
        string update = Path.Combine(Work, "updates", "round-1.pt");
        int trainings = 0;
        var output = new Lines(line =>
        {
            if (!line.Contains("trained round 1", StringComparison.Ordinal) || ++trainings > 1) return;
            if (isDeleted) File.Delete(update);
            else File.WriteAllBytes(update, new byte[new FileInfo(update).Length]);
        });
        // Other bytes than the model's, which the cluster has already.
        using var learner = new Echo { Update = TestTrainer.Weights(4) };
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        await AttendAsync(learner, once: true, output, TextWriter.Null, attempts: 2, bound.Token);

        Assert.Equal(2, trainings);
        await _cluster.StatusAsync(run => run.Phase == RunPhase.Finished, "the end");
    }

    [Fact]
    public async Task A_trainer_that_has_finished_one_run_reports_why_it_refuses_the_next()
    {
        await TestTrainer.SeedAsync(_cluster[0], TestTrainer.Weights(3));
        using var learner = new Echo
        {
            BeforePreparing = run => Refuse($"{run}" == "next", "there is no shard 7.", isTemporary: false),
        };
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        var attending = AttendAsync(learner, once: false, bound.Token);
        await _cluster.StatusAsync(run => run.Phase == RunPhase.Finished, "the first run's end");
        string next = OneTrainer.Replace("test", "next", StringComparison.Ordinal);
        await _cluster[0].Admin.OpenRunAsync(new OpenRunRequest { RunFile = next });

        var status = await _cluster.StatusAsync(
            run => run.Run == "next" && run.WaitingFor.Contains("reports", StringComparison.Ordinal), "the refusal");
        Assert.EndsWith("Trainer anna reports: there is no shard 7.", status.Run.WaitingFor, StringComparison.Ordinal);

        await bound.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => attending);
    }

    /// <summary>The lease lasts longer than any test waits.</summary>
    [Fact]
    public async Task A_trainer_that_leaves_says_so_and_is_out_of_the_client_set_at_once()
    {
        using var learner = new Echo();
        using var leaving = new CancellationTokenSource();
        var output = new StringWriter();
        var attending = AttendAsync(
            learner, once: false, output, TextWriter.Null, attempts: 30, CancellationToken.None, leaving.Token);
        await _cluster.StatusAsync(run => run.Present == 1, "the trainer");

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => attending);

        string[] lines = $"{output}".Split("[trainer anna] leaving");
        Assert.Equal(2, lines.Length);
        Assert.DoesNotContain("lost the leader", lines[1], StringComparison.Ordinal);
        var status = await _cluster.StatusAsync(run => run.Present == 0, "the trainer's departure");
        Assert.False(Assert.Single(status.Run.Trainers).Present);
    }

    [Fact]
    public async Task A_log_that_cannot_be_written_does_not_stop_the_training()
    {
        await TestTrainer.SeedAsync(_cluster[0], TestTrainer.Weights(3));
        var full = new Lines(_ => throw new IOException("No space left on device"));
        using var learner = new Echo
        {
            BeforePreparing = _ => Refuse(full.Count < 1, "The disk is full.", isTemporary: true),
        };
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        await AttendAsync(learner, once: true, full, full, attempts: 30, bound.Token);

        await _cluster.StatusAsync(run => run.Phase == RunPhase.Finished, "the end");
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

    private Task AttendAsync(Echo learner, bool once, CancellationToken token) =>
        AttendAsync(learner, once, TextWriter.Null, TextWriter.Null, attempts: 30, token);

    private async Task AttendAsync(
        Echo learner, bool once, TextWriter output, TextWriter errors, int attempts, CancellationToken token,
        CancellationToken leaving = default)
    {
        var settings = new AttendSettings
        {
            Trainer = TrainerId.Parse("anna"), WorkDirectory = Work, Once = once,
            HeartbeatEvery = TimeSpan.FromMilliseconds(50), RetryAfterMax = TimeSpan.FromMilliseconds(50),
            CureAfterMax = TimeSpan.FromMilliseconds(200),
            Retry = new RetryRules { Attempts = attempts, Delay = TimeSpan.FromMilliseconds(50) },
        };
        var (time, presence) = (TimeProvider.System, new Presence(settings.Trainer, incarnation: 1));
        var terminal = new Terminal(time, output, errors, "anna");
        await using var worker = new RoundWorker(settings, _cluster.Connections, learner, presence, terminal, time);
        await new TrainerLoop(settings, _cluster.Connections, worker, presence, terminal, time)
            .RunAsync(token, leaving);
    }

    private sealed class Lines(Action<string> onLine) : StringWriter
    {
        public int Count { get; private set; }

        public override void WriteLine(string? value)
        {
            Count++;
            base.WriteLine(value);
            onLine(value!);
        }
    }

    private sealed class Echo : ILearner
    {
        public Action<RunId> BeforePreparing { get; init; } = _ => { };
        public Action BeforeTraining { get; init; } = () => { };
        public List<byte[]> Models { get; } = [];

        /// <summary>Null: the model.</summary>
        public byte[]? Update { get; init; }

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
            update.Write(Update ?? Models[^1]);
            return new Learned(Examples, loss: 0);
        }

        public void Dispose()
        {
        }
    }
}
