using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;
using Quorate.Trainer.Data;
using Quorate.Trainer.Models;
using static TorchSharp.torch;

namespace Quorate.Trainer.Learning;

/// <summary>The run's data and network, loaded once a run: where attending meets torch.</summary>
/// <param name="shard">Which shard; null: the trainer's id says it, as a number.</param>
/// <param name="dataFolder">Instead of the folder that the run names; null: that one.</param>
internal sealed class TorchLearner(TrainerId trainer, int? shard, string? dataFolder, Device device) : ILearner
{
    private LocalTraining? _training;

    public RunId? Run { get; private set; }

    public long Examples { get; private set; }

    /// <exception cref="TrainerException">The run asks for what is not here: trying again mends nothing.</exception>
    public Task PrepareAsync(RunId run, RunFile file, CancellationToken token)
    {
        var plan = file.Training
            ?? throw new TrainerException($"run {run} names no model: a trainer of another framework must attend it.");
        int number = shard ?? (int.TryParse(trainer.ToString(), out int parsed)
            ? parsed
            : throw new TrainerException($"--shard is missing: the id '{trainer}' is no number to take it from."));
        var images = Mnist.Shard(plan.Data, dataFolder ?? plan.Data.Path, file.Seed, number, device);
        _training?.Dispose();
        _training = new LocalTraining(plan, file.Seed, images, device);
        (Examples, Run) = (images.Count, run);
        return Task.CompletedTask;
    }

    public Learned Train(
        RoundWork work, string model, HashedFileStream update, Action<double> progress, CancellationToken token)
    {
        var training = _training ?? throw new InvalidOperationException("Nothing is prepared.");
        var result = training.Run(
            model, work.Round, trainer.ToString(), network => ModelFile.Write(network, update),
            step => progress((double)step.Step / step.Steps), token);
        return new Learned(result.Examples, result.MeanLoss);
    }

    public void Dispose() => _training?.Dispose();
}
