using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;
using Quorate.Trainer.Learning;
using Quorate.Trainer.Models;
using static TorchSharp.torch;

namespace Quorate.Torch.Learning;

/// <summary>Which of a trainer's faults may be mended while it waits, and which last as long as the run.</summary>
public sealed class TorchLearnerTests : IDisposable
{
    private static readonly RunFile _run = RunFile.Parse(
        """
        { "name": "tiny", "rounds": 1, "minTrainers": 1, "seed": 1,
          "training": { "model": "logistic", "data": { "set": "mnist", "path": "x", "shards": 2, "shardExamples": 64 },
                        "local": { "steps": 1 }, "batch": 32, "optimiser": { "name": "sgd", "learningRate": 0.1 } } }
        """);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_initial_model_has_the_bytes_that_init_writes()
    {
        string path = Path.Combine(TrainerOutput.Repository, "config/runs/mnist-logistic.json");
        RunFile run = RunFile.Load(path);
        using var learner = new TorchLearner(TrainerId.Parse("anna"), shard: 0, TrainerOutput.Mnist, CPU);
        await learner.PrepareAsync(run.Name, run, CancellationToken.None);

        using (var made = HashedFileStream.Create(_folder["made.pt"]))
            learner.MakeInitialModel(made, CancellationToken.None);

        await TrainerProcess.RunAsync("init", "--run", path, "--out", _folder["init.pt"]);
        Assert.Equal(File.ReadAllBytes(_folder["init.pt"]), File.ReadAllBytes(_folder["made.pt"]));
    }

    [Fact]
    public async Task Data_that_is_missing_may_be_put_there_while_the_trainer_waits()
    {
        string data = _folder["data"];
        using var learner = Learner(shard: 0, data);
        var fault = await Assert.ThrowsAsync<LearnerException>(() => PrepareAsync(learner, _run));
        Assert.True(fault.IsTemporary);
        Assert.StartsWith($"{data}/train-images-idx3-ubyte.gz is missing: ", fault.Message);

        Directory.CreateSymbolicLink(data, TrainerOutput.Mnist);
        await PrepareAsync(learner, _run);
        Assert.Equal((_run.Name, 64), (learner.Run, learner.Examples));
    }

    [Fact]
    public async Task Damaged_data_may_be_fetched_again_while_the_trainer_waits()
    {
        File.WriteAllText(_folder["train-images-idx3-ubyte"], "no images");
        using var learner = Learner(shard: 0, $"{_folder}");
        Assert.True((await Assert.ThrowsAsync<LearnerException>(() => PrepareAsync(learner, _run))).IsTemporary);
    }

    [Fact]
    public async Task A_shard_that_the_run_does_not_have_lasts_as_long_as_the_run()
    {
        using var learner = Learner(shard: 2, TrainerOutput.Mnist);
        var fault = await Assert.ThrowsAsync<LearnerException>(() => PrepareAsync(learner, _run));
        Assert.False(fault.IsTemporary);
        Assert.StartsWith("there is no shard 2: the run has 2, 0 to 1 ", fault.Message);
    }

    [Theory]
    [InlineData("local")]
    [InlineData("frozen")]
    public async Task A_key_rule_that_this_program_cannot_follow_lasts_too(string rule)
    {
        using var learner = Learner(shard: 0, TrainerOutput.Mnist);
        var keys = new AggregationSection("mean", new Dictionary<string, double>(), [new("linear.*", rule)]);
        var fault = await Assert.ThrowsAsync<LearnerException>(
            () => PrepareAsync(learner, _run with { Aggregation = keys }));
        Assert.False(fault.IsTemporary);
        Assert.StartsWith($"the run has the key rule {rule} for 'linear.*' ", fault.Message);
    }

    [Fact]
    public async Task A_run_without_training_lasts_too()
    {
        using var learner = Learner(shard: 0, TrainerOutput.Mnist);
        var fault = await Assert.ThrowsAsync<LearnerException>(
            () => PrepareAsync(learner, _run with { Training = null }));
        Assert.False(fault.IsTemporary);
        Assert.StartsWith("the run file of tiny has no section training: ", fault.Message);
    }

    [Fact]
    public async Task A_model_of_another_shape_lasts_and_one_that_cannot_be_read_may_pass()
    {
        using var learner = Learner(shard: 0, TrainerOutput.Mnist);
        await PrepareAsync(learner, _run);
        using (var other = ModelFactory.Build(ModelKind.Lenet5)) ModelFile.Save(other, _folder["lenet5.pt"]);

        Assert.False(Fault(learner, _folder["lenet5.pt"]).IsTemporary);
        Assert.True(Fault(learner, _folder["gone.pt"]).IsTemporary);
    }

    private LearnerException Fault(TorchLearner learner, string model)
    {
        using var update = HashedFileStream.Over(_folder["update.pt"]);
        var work = new RoundWork(_run.Name, 1, default, 1);
        return Assert.Throws<LearnerException>(() => learner.Train(work, model, update, _ => { }, default));
    }

    private static TorchLearner Learner(int shard, string data) => new(TrainerId.Parse("0"), shard, data, CPU);

    private static Task PrepareAsync(TorchLearner learner, RunFile run) =>
        Task.Run(() => learner.PrepareAsync(run.Name, run, default));
}
