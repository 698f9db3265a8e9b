using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Unit.Cluster;

/// <summary>Runs with their own strategy and key rules, on a whole coordinator.</summary>
public sealed class StrategyRunTests
{
    [Theory]
    [InlineData("median", 1f)]
    [InlineData("mean", 34f)]
    public async Task A_run_uses_the_strategy_of_its_file(string strategy, float expected)
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 1, Run($$"""{ "strategy": "{{strategy}}" }"""));
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        Assert.Equal(VerdictCode.Accepted, (await TestTrainer.SeedAsync(cluster[0], TestTrainer.Weights(0))).Verdict);
        TestTrainer[] trainers =
            [new(cluster[0], "anna", 1), new(cluster[0], "bert", 2), new(cluster[0], "carl", 3)];
        foreach (var trainer in trainers) await trainer.JoinAsync();
        await cluster.StatusAsync(run => run.Phase == RunPhase.Training, "round 1");
        float[] values = [100, 1, 1];
        for (int i = 0; i < trainers.Length; i++)
            Assert.Equal(VerdictCode.Accepted, (await trainers[i].UpdateAsync(TestTrainer.Weights(values[i]))).Verdict);
        var status = await cluster.StatusAsync(run => run.Trail.Count == 2, "the model of round 1");
        Assert.Equal(BlobHash.Of(TestTrainer.Weights(expected)), BlobHash.FromBytes(status.Run.Trail[1].Blob.Span));
    }

    [Fact]
    public async Task A_restart_between_two_rounds_keeps_the_servers_momentum()
    {
        const string File = """
            { "name": "test", "rounds": 3, "minTrainers": 1, "seed": 1,
              "aggregation": { "strategy": "fedavgm", "parameters": { "momentum": 0.9 } } }
            """;
        await using var cluster = await TestCluster.StartAsync(nodes: 1, File);
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        Assert.Equal(VerdictCode.Accepted, (await TestTrainer.SeedAsync(cluster[0], TestTrainer.Weights(0))).Verdict);
        var anna = new TestTrainer(cluster[0], "anna", incarnation: 1);
        await anna.JoinAsync();
        await cluster.StatusAsync(run => run.Phase == RunPhase.Training, "round 1");
        // Each update is one step of 1 from the model: velocities of 1, then 0.9 + 1.
        Assert.Equal(VerdictCode.Accepted, (await anna.UpdateAsync(TestTrainer.Weights(1))).Verdict);
        var first = await cluster.StatusAsync(run => run.Trail.Count == 2, "the model of round 1");
        Assert.Equal(BlobHash.Of(TestTrainer.Weights(1)), BlobHash.FromBytes(first.Run.Trail[1].Blob.Span));

        await cluster.StopAsync(0);
        cluster.Start(0);
        await cluster.LeaderAsync();

        await cluster.StatusAsync(run => run.Phase == RunPhase.Training, "round 2");
        Assert.Equal(VerdictCode.Accepted, (await anna.UpdateAsync(TestTrainer.Weights(2), round: 2)).Verdict);
        var second = await cluster.StatusAsync(run => run.Trail.Count == 3, "the model of round 2");
        Assert.Equal(BlobHash.Of(TestTrainer.Weights(2.9f)), BlobHash.FromBytes(second.Run.Trail[2].Blob.Span));
    }

    [Fact]
    public async Task A_run_with_a_wrong_strategy_is_not_opened()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 1);
        foreach (var (section, sentence) in new[]
        {
            ("{ \"strategy\": \"mode\" }", "aggregation.strategy \"mode\" is not known; the strategies are mean,"),
            ("{ \"strategy\": \"krum\" }", "minResults must be 5 or more, and is 3."),
            ("{ \"parameters\": { \"momentum\": 0.9 } }", "aggregation.parameters.momentum is not a parameter of mean"),
            ("{ \"keys\": [ { \"pattern\": \"*\", \"rule\": \"sum\" } ] }", "aggregation.keys has the rule \"sum\""),
        })
        {
            var reply = await cluster[0].Admin.OpenRunAsync(new OpenRunRequest { RunFile = Run(section) });
            Assert.Equal(VerdictCode.Rejected, reply.Verdict);
            Assert.Contains(sentence, reply.Reason, StringComparison.Ordinal);
        }
        Assert.Null((await cluster[0].Federation.StatusAsync(new StatusRequest())).Run);
    }

    private static string Run(string aggregation) => $$"""
        { "name": "test", "rounds": 2, "minTrainers": 3, "minResults": 3, "seed": 1, "aggregation": {{aggregation}} }
        """;
}
