using System.Runtime.InteropServices;
using Quorate.Client.Attending;
using Quorate.Rounds;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;
using Quorate.Trainer.Data;
using Quorate.Trainer.Models;
using static TorchSharp.torch;

namespace Quorate.Trainer.Learning;

/// <summary>The run's data and network, loaded once a run: where attending meets torch.</summary>
/// <param name="dataFolder">Instead of the folder that the run names; null: that one.</param>
internal sealed class TorchLearner(TrainerId trainer, int shard, string? dataFolder, Device device) : ILearner
{
    private LocalTraining? _training;
    private RunFile? _file;

    public RunId? Run { get; private set; }

    public long Examples { get; private set; }

    public Task PrepareAsync(RunId run, RunFile file, CancellationToken token) => Classified(() =>
    {
        var plan = file.Training ?? throw new TrainerException(
            $"the run file of {run} has no section training: a trainer of another framework must attend it.");
        if (file.Aggregation?.Keys.FirstOrDefault(key => key.Rule is "local" or "frozen") is { } key)
        {
            throw new TrainerException(
                $"the run has the key rule {key.Rule} for '{key.Pattern}' (aggregation.keys), and this program trains "
                + "and sends all tensors of a model: a trainer of another framework must attend the run.");
        }
        var images = DataSets.Open(plan.Data, dataFolder).Shard(file.Seed, shard, device);
        _training?.Dispose();
        _training = new LocalTraining(plan, file.Seed, images, device);
        (Examples, Run, _file) = (images.Count, run, file);
        return Task.CompletedTask;
    });

    public void MakeInitialModel(HashedFileStream model, CancellationToken token) => Classified(() =>
    {
        using var network = ModelFactory.Initial(_file!.Training!.Model, _file.Seed);
        ModelFile.Write(network, model);
        return true;
    });

    public Learned Train(
        RoundWork work, string model, HashedFileStream update, Action<double> progress, CancellationToken token) =>
        Classified(() =>
    {
        var training = _training ?? throw new InvalidOperationException("Nothing is prepared.");
        var result = training.Run(
            model, work.Round, trainer.ToString(), network => ModelFile.Write(network, update),
            step => progress((double)step.Step / step.Steps), token);
        return new Learned(result.Examples, result.Metrics);
    });

    public void Dispose() => _training?.Dispose();

    /// <summary>Disk, data and device may be put right while the trainer waits; what the plan says stays.</summary>
    private static T Classified<T>(Func<T> step)
    {
        try
        {
            return step();
        }
        catch (TrainerException e)
        {
            throw new LearnerException(e.Message, e.IsTemporary || e.IsAboutData, e);
        }
        catch (ExternalException e)
        {
            // libtorch's own: a GPU without memory, or one that is gone. The other lines say where in libtorch.
            string what = e.Message.Split('\n')[0].Trim();
            throw new LearnerException($"libtorch failed: {what}", isTemporary: true, e);
        }
        catch (IOException e)
        {
            throw new LearnerException($"the model cannot be written: {e.Message}", isTemporary: true, e);
        }
    }
}
