using Quorate.Shared.Runs;
using Quorate.Shared.Text;
using Quorate.Trainer.Learning;

namespace Quorate.Trainer.Data;

/// <summary>Shuffles the examples by the run's seed and cuts them into pieces of equal size.</summary>
[Registered<Partitioning>(Partitioning.Iid)]
internal sealed class IidPartitioner : IPartitioner
{
    public int[] Shard(DataPlan plan, ulong runSeed, byte[] labels, int shard)
    {
        if ((long)plan.Shards * plan.ShardExamples > labels.Length)
        {
            throw new TrainerException(
                $"The training set has {PlainText.Count(labels.Length, "example")}, too few for "
                + $"{PlainText.Count(plan.Shards, "shard")} of {plan.ShardExamples}: lower training.data.shards or "
                + "training.data.shardExamples in the run file.");
        }

        int[] order = Randomness.For("iid partition", runSeed).Permutation(labels.Length);
        return order[(shard * plan.ShardExamples)..((shard + 1) * plan.ShardExamples)];
    }
}
