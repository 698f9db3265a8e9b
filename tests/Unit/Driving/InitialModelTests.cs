using Quorate.Shared.Protocol;
using Quorate.Unit.Cluster;
using Quorate.Unit.Tidy;

namespace Quorate.Unit.Driving;

/// <summary>A leader whose trainer program (Evaluation/trainer.sh) fails to make the initial model.</summary>
public sealed class InitialModelTests
{
    private const string Littering =
        """
        { "name": "test", "rounds": 2, "minTrainers": 2, "seed": 1, "training": { "model": "logistic",
          "data": { "set": "mnist", "path": "LITTERS", "shards": 2, "shardExamples": 32, "partition": "iid" },
          "local": { "steps": 4 }, "batch": 32, "optimiser": { "name": "sgd", "learningRate": 0.1 } } }
        """;

    [Fact]
    public async Task A_temporary_failure_is_retried_and_leaves_no_file_behind()
    {
        string program = Path.Combine(SourceFile.Root, "tests/Unit/Evaluation/trainer.sh");
        await using var cluster = await TestCluster.StartAsync(nodes: 1, Littering, trainers: program);
        var ended = await cluster.StatusAsync(run => run.Phase == RunPhase.Failed, "the second try's end");
        Assert.Contains("it is no model", ended.Run.ToString(), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Path.Combine(cluster.Root, "node-0"), "draft-*", SearchOption.AllDirectories));
    }
}
