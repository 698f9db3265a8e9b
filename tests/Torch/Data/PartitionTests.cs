using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Quorate.Shared.Runs;
using Quorate.Trainer;
using Quorate.Trainer.Data;
using static TorchSharp.torch;

namespace Quorate.Torch.Data;

public sealed class PartitionTests
{
    private static readonly DataPlan Plan = Plans.Of(ModelKind.Logistic).Data;

    [Fact]
    public void Shards_are_disjoint_and_cover_the_training_set()
    {
        int[] dealt = [.. Enumerable.Range(0, 5).SelectMany(shard => Shard(1, 60_000, shard))];
        Assert.Equal(Enumerable.Range(0, 60_000), dealt.Order());
    }

    [Fact]
    public void Another_seed_deals_otherwise() =>
        Assert.NotEqual(Shard(1, 60_000, 0), Shard(2, 60_000, 0));

    [Fact]
    public void A_shard_is_the_same_for_ever()
    {
        byte[] places = MemoryMarshal.AsBytes<int>(Shard(1, 60_000, 3)).ToArray();
        Assert.Equal(
            "0f8dac3928087b10b0fa639fedf014c7604b96ae76df05dba29e3e5c80efe4f5",
            Convert.ToHexStringLower(SHA256.HashData(places)));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(-1)]
    public void A_shard_that_is_not_there_is_refused(int shard) =>
        Assert.StartsWith(
            $"there is no shard {shard}: the run has 5",
            Assert.Throws<TrainerException>(() => DataSets.Open(Plan).Shard(1, shard, CPU)).Message);

    [Fact]
    public void Shards_that_the_training_set_cannot_fill_are_refused() =>
        Assert.StartsWith(
            "The training set has 59999 examples, too few for 5 shards of 12000",
            Assert.Throws<TrainerException>(() => Shard(1, 59_999, 0)).Message);

    [Fact]
    public void Unequal_shards_have_their_sizes_and_are_disjoint()
    {
        int[] sizes = [3, 1, 40, 5, 11];
        DataPlan plan = Plan with { ShardExamples = new ShardSizes(sizes) };
        int[][] shards = [.. Enumerable.Range(0, 5).Select(
            shard => new IidPartitioner().Shard(plan, 7, labels: new byte[60], shard))];

        Assert.Equal(sizes, shards.Select(shard => shard.Length));
        Assert.Equal(Enumerable.Range(0, 60), shards.SelectMany(shard => shard).Order());
        Assert.StartsWith(
            "The training set has 59 examples, too few for 5 shards of 1 to 40",
            Assert.Throws<TrainerException>(
                () => new IidPartitioner().Shard(plan, 7, labels: new byte[59], shard: 0)).Message);
    }

    private static int[] Shard(ulong seed, int available, int shard) =>
        new IidPartitioner().Shard(Plan, seed, labels: new byte[available], shard);
}
