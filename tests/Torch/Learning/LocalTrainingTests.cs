using Quorate.Shared.Runs;
using Quorate.Trainer;
using Quorate.Trainer.Data;
using Quorate.Trainer.Learning;
using Quorate.Trainer.Models;
using static TorchSharp.torch;

namespace Quorate.Torch.Learning;

public sealed class LocalTrainingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(ModelKind.Lenet5, OptimiserKind.Sgd)]
    [InlineData(ModelKind.Lenet5, OptimiserKind.Adam)]
    [InlineData(ModelKind.Simplecnn, OptimiserKind.Sgd)] // dropout draws from libtorch's generator
    [InlineData(ModelKind.Logistic, OptimiserKind.Adam)]
    public void Training_again_makes_the_same_bytes(ModelKind model, OptimiserKind optimiser)
    {
        TrainingPlan plan = Plans.Of(model) with { Optimiser = new OptimiserPlan(optimiser, 0.001, 0, 0.01) };
        using LocalTraining training = Start(plan);
        training.Run(_folder["model.pt"], 3, "anna", To("a.pt"), null, default);
        training.Run(_folder["model.pt"], 4, "anna", To("other-round.pt"), null, default);
        training.Run(_folder["model.pt"], 3, "bert", To("other-trainer.pt"), null, default);
        training.Run(_folder["model.pt"], 3, "anna", To("b.pt"), null, default);

        byte[] update = File.ReadAllBytes(_folder["a.pt"]);
        Assert.Equal(update, File.ReadAllBytes(_folder["b.pt"]));
        Assert.NotEqual(update, File.ReadAllBytes(_folder["model.pt"]));
        Assert.NotEqual(update, File.ReadAllBytes(_folder["other-round.pt"]));
        Assert.NotEqual(update, File.ReadAllBytes(_folder["other-trainer.pt"]));
    }

    [Fact]
    public async Task Two_processes_make_the_same_bytes()
    {
        File.WriteAllText(_folder["run.json"], $$"""
            { "name": "two-processes", "rounds": 1, "minTrainers": 1, "seed": 7,
              "training": { "model": "simplecnn",
                "data": { "set": "mnist", "path": "{{TrainerOutput.Mnist}}", "shards": 5, "shardExamples": 12000 },
                "local": { "steps": 4 }, "batch": 32,
                "optimiser": { "name": "sgd", "learningRate": 0.05, "momentum": 0.9 } } }
            """);
        TrainerProcess init = await TrainerProcess.RunAsync(
            "init", "--run", _folder["run.json"], "--out", _folder["m.pt"]);
        Assert.Equal((0, ""), (init.ExitCode, init.Errors));
        foreach (string update in new[] { "a.pt", "b.pt" })
        {
            TrainerProcess train = await TrainerProcess.RunAsync(
                "train", "--run", _folder["run.json"], "--model", _folder["m.pt"], "--shard", "2",
                "--out", _folder[update]);
            Assert.Equal((0, ""), (train.ExitCode, train.Errors));
        }

        Assert.Equal(File.ReadAllBytes(_folder["a.pt"]), File.ReadAllBytes(_folder["b.pt"]));
    }

    [Fact]
    public void An_epoch_takes_every_example_and_the_loss_falls()
    {
        TrainingPlan plan = Plans.Of(ModelKind.Logistic);
        plan = plan with { Data = plan.Data with { ShardExamples = 1000 }, Local = new LocalWork.Epochs(2) };
        using LocalTraining training = Start(plan);
        var steps = new List<TrainingProgress>();
        LocalResult first = training.Run(_folder["model.pt"], 1, "anna", To("a.pt"), steps.Add, default);
        LocalResult second = training.Run(_folder["a.pt"], 2, "anna", To("b.pt"), null, default);

        Assert.Equal(1000, first.Examples);
        // Two passes, each of 31 batches of 32 and one of 8.
        Assert.Equal(Enumerable.Range(1, 64).Select(step => new TrainingProgress(step, 64)), steps);
        Assert.InRange(second.MeanLoss, 0, 0.9 * first.MeanLoss);
    }

    [Fact]
    public void A_cancelled_training_stops_between_steps_and_writes_nothing()
    {
        using LocalTraining training = Start(Plans.Of(ModelKind.Logistic));
        using var newerRound = new CancellationTokenSource();
        var steps = new List<TrainingProgress>();
        Action<TrainingProgress> cancel = step =>
        {
            steps.Add(step);
            newerRound.Cancel();
        };
        Assert.Throws<OperationCanceledException>(
            () => training.Run(_folder["model.pt"], 1, "anna", To("a.pt"), cancel, newerRound.Token));
        Assert.Equal([new TrainingProgress(1, 4)], steps);
        Assert.False(File.Exists(_folder["a.pt"]));
    }

    [Fact]
    public void A_training_that_diverges_says_so_and_writes_nothing()
    {
        using LocalTraining training = Start(Plans.Of(ModelKind.Lenet5) with
        {
            Local = new LocalWork.Steps(20),
            Optimiser = new OptimiserPlan(OptimiserKind.Sgd, 100, 0.9, 0),
        });
        string message = Assert.Throws<TrainerException>(
            () => training.Run(_folder["model.pt"], 1, "anna", To("a.pt"), null, default)).Message;
        Assert.StartsWith("training diverged ", message);
        Assert.False(File.Exists(_folder["a.pt"]));
    }

    private Action<nn.Module<Tensor, Tensor>> To(string file) => network => ModelFile.Save(network, _folder[file]);

    private LocalTraining Start(TrainingPlan plan)
    {
        using var model = ModelFactory.Build(plan.Model);
        ModelFactory.Initialise(model, plan.Model, seed: 1);
        ModelFile.Save(model, _folder["model.pt"]);
        return new LocalTraining(plan, 1, DataSets.Open(plan.Data, TrainerOutput.Mnist).Shard(1, 0, CPU), CPU);
    }
}
