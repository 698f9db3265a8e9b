using System.Diagnostics;
using System.Text.Json.Serialization;
using Quorate.Rounds;
using Quorate.Shared.Runs;
using Quorate.Trainer.Data;
using Quorate.Trainer.Models;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Trainer.Learning;

/// <summary>What one local training made.</summary>
/// <param name="Examples">Examples of the shard: the update's weight in the average.</param>
/// <param name="MeanLoss">Mean cross-entropy over the examples trained on, each as the model was at its batch.</param>
internal sealed record LocalResult(long Examples, double MeanLoss)
{
    /// <summary>What the update's facts carry.</summary>
    [JsonIgnore]
    public Metrics Metrics => Metrics.Of((Metrics.Loss, MeanLoss));
}

/// <summary>How far a local training is, after each step.</summary>
internal readonly record struct TrainingProgress(int Step, int Steps);

/// <summary>
/// One trainer's share of a round: the round's model in, an update (the whole model, trained on) out. Holds network and
/// shard from round to round. Invariant: on one CPU model, the same model file, shard, plan, run seed, round and
/// trainer make the same update, bit for bit, in any process: a trainer that restarts makes no second version.
/// </summary>
/// <remarks>Takes over the shard. For one caller at a time.</remarks>
internal sealed class LocalTraining(TrainingPlan plan, ulong runSeed, ImageSet shard, Device device) : IDisposable
{
    private readonly Module<Tensor, Tensor> _model = ModelFactory.Build(plan.Model).to(device);

    /// <param name="modelPath">The round's model.</param>
    /// <param name="round">Counts from 1.</param>
    /// <param name="trainer">The trainer's id.</param>
    /// <param name="save">Called with the trained network at the end; what it writes is the update.</param>
    /// <param name="progress">Called on this thread after each step; null for no reports.</param>
    /// <param name="cancellation">Looked at between two steps.</param>
    /// <exception cref="TrainerException">The model is of another shape or cannot be read, or training
    /// diverged.</exception>
    /// <exception cref="OperationCanceledException">Nothing was saved.</exception>
    public LocalResult Run(
        string modelPath,
        int round,
        string trainer,
        Action<Module<Tensor, Tensor>> save,
        Action<TrainingProgress>? progress,
        CancellationToken cancellation)
    {
        ModelFile.Load(_model, modelPath);
        _model.train();
        manual_seed((long)Randomness.For("dropout", runSeed, round, trainer).Next());
        double meanLoss = Train(Randomness.For("shuffling", runSeed, round, trainer), progress, cancellation);
        if (!double.IsFinite(meanLoss))
        {
            throw new TrainerException(
                "training diverged (the loss is not a number): lower training.optimiser.learningRate in the run file.");
        }

        save(_model);
        return new LocalResult(shard.Count, meanLoss);
    }

    public void Dispose()
    {
        _model.Dispose();
        shard.Dispose();
    }

    private double Train(Randomness random, Action<TrainingProgress>? progress, CancellationToken cancellation)
    {
        int stepsPerPass = (shard.Count + plan.Batch - 1) / plan.Batch;
        int steps = plan.Local switch
        {
            LocalWork.Steps some => some.Count,
            LocalWork.Epochs passes => checked(passes.Count * stepsPerPass),
            _ => throw new UnreachableException(),
        };

        using optim.Optimizer optimiser = Optimiser();
        double lossSum = 0;
        long seen = 0;
        int[] order = [];
        for (int step = 0; step < steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            int first = step % stepsPerPass * plan.Batch;
            if (first == 0)
                order = random.Permutation(shard.Count);
            int count = Math.Min(plan.Batch, shard.Count - first);
            lossSum += count * Step(optimiser, order.AsSpan(first, count));
            seen += count;
            progress?.Invoke(new TrainingProgress(step + 1, steps));
        }

        return lossSum / seen;
    }

    private float Step(optim.Optimizer optimiser, ReadOnlySpan<int> places)
    {
        // The garbage collector does not see the native memory behind a tensor, so each step frees its own.
        using DisposeScope scope = NewDisposeScope();
        (Tensor images, Tensor labels) = shard.Batch(places);
        optimiser.zero_grad();
        Tensor loss = functional.cross_entropy(_model.call(images), labels);
        loss.backward();
        optimiser.step();
        return loss.item<float>();
    }

    private optim.Optimizer Optimiser()
    {
        OptimiserPlan optimiser = plan.Optimiser;
        return optimiser.Name switch
        {
            OptimiserKind.Sgd => optim.SGD(
                _model.parameters(), optimiser.LearningRate, optimiser.Momentum, weight_decay: optimiser.WeightDecay),
            OptimiserKind.Adam => optim.Adam(
                _model.parameters(), optimiser.LearningRate, weight_decay: optimiser.WeightDecay),
            _ => throw new UnreachableException($"No optimiser is called {optimiser.Name}."),
        };
    }
}
