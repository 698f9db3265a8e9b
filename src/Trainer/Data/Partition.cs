using Quorate.Shared.Runs;
using Quorate.Trainer.Learning;

namespace Quorate.Trainer.Data;

/// <summary>Deals a training set out to shards.</summary>
internal static class Partition
{
    /// <summary>
    /// The places, in a training set of <paramref name="available"/> examples, of one shard's, counted from 0.
    /// Invariant: the shards of one seed are disjoint; a shard depends on nothing but these arguments, so each trainer
    /// cuts its own, and together they agree.
    /// </summary>
    /// <exception cref="TrainerException">There is no such shard, or the set is too small.</exception>
    public static int[] Shard(DataPlan data, ulong runSeed, int available, int shard)
    {
        if (shard < 0 || shard >= data.Shards)
        {
            throw new TrainerException(
                $"there is no shard {shard}: the run has {data.Shards}, 0 to {data.Shards - 1} "
                + "(training.data.shards in its file).");
        }

        if ((long)data.Shards * data.ShardExamples > available)
        {
            throw new TrainerException(
                $"{data.Shards} shards of {data.ShardExamples} examples are more than the {available} of the training "
                + "set: lower training.data.shards or training.data.shardExamples in the run file.");
        }

        int[] order = Randomness.For("iid partition", runSeed).Permutation(available);
        return order[(shard * data.ShardExamples)..((shard + 1) * data.ShardExamples)];
    }
}
