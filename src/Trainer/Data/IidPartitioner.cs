using Quorate.Shared.Runs;
using Quorate.Shared.Text;
using Quorate.Trainer.Learning;

namespace Quorate.Trainer.Data;

/// <summary>Shuffles the examples by the run's seed and cuts them into pieces of the plan's sizes.</summary>
[Registered<Partitioning>(Partitioning.Iid)]
internal sealed class IidPartitioner : IPartitioner
{
    public int[] Shard(DataPlan plan, ulong runSeed, byte[] labels, int shard)
    {
        var sizes = plan.ShardExamples;
        if (sizes.Sum(plan.Shards) > labels.Length)
        {
            throw new TrainerException(
                $"The training set has {PlainText.Count(labels.Length, "example")}, too few for "
                + $"{PlainText.Count(plan.Shards, "shard")} of {sizes}: lower training.data.shards or "
                + "training.data.shardExamples in the run file.");
        }

        int[] order = Randomness.For("iid partition", runSeed).Permutation(labels.Length);
        int first = (int)sizes.Sum(shard);
        return order[first..(first + sizes.Of(shard))];
    }
}
