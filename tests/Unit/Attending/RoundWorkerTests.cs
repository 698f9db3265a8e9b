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
    /// A model is not flushed: after a power loss it may have its name and not its bytes. The trainer ended at each
    /// start, or trained from what nobody had published.
    /// </summary>
    [Theory]
    [InlineData("")]
    [InlineData("what the power loss left")]
    public async Task A_model_that_lies_here_from_before_is_used_only_with_the_right_bytes(string left)
    {
        byte[] model = TestTrainer.Weights(3);
        await TestTrainer.SeedAsync(_cluster[0], model);
        string models = Path.Combine(Work, "models");
        Directory.CreateDirectory(models);
        await File.WriteAllTextAsync(Path.Combine(models, $"{BlobHash.Of(model)}.pt"), left);

        Assert.Equal(model, Assert.Single(await AttendToTheEndAsync()));
    }

    /// <summary>The models that were trained from.</summary>
    private async Task<List<byte[]>> AttendToTheEndAsync()
    {
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        using var learner = new Echo();
        var settings = new AttendSettings { Trainer = TrainerId.Parse("anna"), WorkDirectory = Work, Once = true };
        var (time, presence) = (TimeProvider.System, new Presence(settings.Trainer, incarnation: 1));
        var terminal = new Terminal(time, TextWriter.Null, "anna");
        await using var worker = new RoundWorker(settings, _cluster.Connections, learner, presence, terminal, time);
        await new TrainerLoop(settings, _cluster.Connections, worker, presence, terminal, time).RunAsync(bound.Token);
        return learner.Models;
    }

    private sealed class Echo : ILearner
    {
        public List<byte[]> Models { get; } = [];
        public RunId? Run { get; private set; }
        public long Examples => 10;

        public Task PrepareAsync(RunId run, RunFile file, CancellationToken token)
        {
            Run = run;
            return Task.CompletedTask;
        }

        public Learned Train(
            RoundWork work, string model, HashedFileStream update, Action<double> progress, CancellationToken token)
        {
            Models.Add(File.ReadAllBytes(model));
            update.Write(Models[^1]);
            return new Learned(Examples, Loss: 0);
        }

        public void Dispose()
        {
        }
    }
}
