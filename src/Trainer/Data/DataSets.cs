using Quorate.Shared.Runs;
using static TorchSharp.torch;

namespace Quorate.Trainer.Data;

/// <summary>The files of a data set. Registered under its name, and made without arguments.</summary>
internal interface IDataSet
{
    /// <summary>Reads the examples that <paramref name="choose"/> picks when it is given all labels.</summary>
    /// <param name="folder">Where the files are.</param>
    /// <exception cref="TrainerException">A file is missing or damaged.</exception>
    ImageSet Read(string folder, Split split, Normalisation normalise, Func<byte[], int[]> choose, Device device);
}

internal enum Split
{
    Train,
    Test,
}

/// <summary>Deals the training examples out to shards. Registered under its name, and made without arguments.</summary>
internal interface IPartitioner
{
    /// <summary>
    /// The places of one shard's examples in the training set, counted from 0. Invariant: the shards of one seed are
    /// disjoint, and a shard depends on nothing but these arguments, so each trainer cuts its own, and together they
    /// agree.
    /// </summary>
    /// <param name="labels">The class of each training example.</param>
    /// <param name="shard">0 to <see cref="DataPlan.Shards"/> - 1.</param>
    /// <exception cref="TrainerException">The set cannot be cut as the plan says.</exception>
    int[] Shard(DataPlan plan, ulong runSeed, byte[] labels, int shard);
}

/// <summary>The data sets that a run file can name.</summary>
internal static class DataSets
{
    /// <param name="folder">Instead of the folder that the plan names; null: that one.</param>
    public static RunData Open(DataPlan plan, string? folder = null) => new(
        plan, folder ?? plan.Path, Registered<DataSetKind, IDataSet>.Create(plan.Set),
        Registered<Partitioning, IPartitioner>.Create(plan.Partition));
}

/// <summary>A run's data: what one trainer trains on, and what models are scored on.</summary>
internal sealed class RunData(DataPlan plan, string folder, IDataSet set, IPartitioner partitioner)
{
    /// <summary>One shard of the training examples.</summary>
    /// <exception cref="TrainerException">A file is missing or damaged, or there is no such shard.</exception>
    public ImageSet Shard(ulong runSeed, int shard, Device device)
    {
        if (shard < 0 || shard >= plan.Shards)
        {
            throw new TrainerException(
                $"there is no shard {shard}: the run has {plan.Shards}, 0 to {plan.Shards - 1} "
                + "(training.data.shards in its file).");
        }
        return set.Read(
            folder, Split.Train, plan.Normalise, labels => partitioner.Shard(plan, runSeed, labels, shard), device);
    }

    /// <summary>The first <paramref name="count"/> test examples; all, for null or more than there are.</summary>
    /// <exception cref="TrainerException">A file is missing or damaged.</exception>
    public ImageSet Test(int? count, Device device) => set.Read(
        folder, Split.Test, plan.Normalise,
        labels => [.. Enumerable.Range(0, labels.Length).Take(count ?? labels.Length)], device);
}
