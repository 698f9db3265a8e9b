using Quorate.Shared.Runs;

namespace Quorate.Torch;

/// <summary>Plans to vary with <c>with</c>.</summary>
internal static class Plans
{
    /// <summary>MNIST in 5 shards of 12,000; 4 steps of 32 with momentum.</summary>
    public static TrainingPlan Of(ModelKind model) => new(
        model,
        new DataPlan(DataSetKind.Mnist, TrainerOutput.Mnist, 5, 12_000, Partitioning.Iid, Normalisation.MeanStd),
        new LocalWork.Steps(4),
        32,
        new OptimiserPlan(OptimiserKind.Sgd, 0.05, 0.9, 0.0001));
}
