using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;

namespace Quorate.Unit.Cluster;

/// <summary>Rules of a run that protect it from its trainers, on a whole coordinator.</summary>
public sealed class RunRuleTests
{
    [Fact]
    public async Task More_examples_than_the_run_allows_are_refused_at_joining_and_at_the_update()
    {
        await using var cluster = await StartAsync("""
            "minTrainers": 1, "maxExamples": 500
            """);
        var anna = new TestTrainer(cluster[0], "anna", incarnation: 1);
        const string Refusal = "Examples must be 1 to 500, the run's maxExamples, not 501.";
        Assert.Equal(Refusal, (await anna.JoinAsync(examples: 501)).Reason);
        Assert.Equal(VerdictCode.Accepted, (await anna.JoinAsync(examples: 500)).Verdict);
        await cluster.StatusAsync(run => run.Phase == RunPhase.Training, "round 1");

        var refused = await anna.UpdateAsync(TestTrainer.Weights(1), examples: 501);
        Assert.Equal((VerdictCode.Rejected, Refusal), (refused.Verdict, refused.Reason));
        Assert.Equal(VerdictCode.Accepted, (await anna.UpdateAsync(TestTrainer.Weights(1), examples: 500)).Verdict);
    }

    [Fact]
    public async Task One_update_has_at_most_its_share_of_the_mean()
    {
        await using var cluster = await StartAsync("""
            "minTrainers": 3, "maxShare": 0.5
            """);
        var trainers = await JoinAsync(cluster[0], "anna", "bert", "carl");
        await cluster.StatusAsync(run => run.Phase == RunPhase.Training, "round 1");
        (float Value, long Examples)[] updates = [(8, 1_000_000), (0, 10), (4, 10)];
        foreach (var (trainer, update) in trainers.Zip(updates))
            await trainer.UpdateAsync(TestTrainer.Weights(update.Value), examples: update.Examples);

        var status = await cluster.StatusAsync(run => run.Trail.Count == 2, "the model of round 1");
        // (20 · 8 + 10 · 0 + 10 · 4) / 40
        Assert.Equal(BlobHash.Of(TestTrainer.Weights(5)), BlobHash.FromBytes(status.Run.Trail[1].Blob.Span));
    }

    /// <summary>No deadline closes a round of a paused run, so a round that closes there waited for nobody.</summary>
    [Fact]
    public async Task A_silent_trainer_is_not_awaited_after_the_rounds_that_it_missed()
    {
        await using var cluster = await StartAsync("""
            "minTrainers": 2, "minResults": 1, "deadlineSeconds": 1, "maxMissedRounds": 1
            """);
        var anna = (await JoinAsync(cluster[0], "anna", "silent"))[0];
        await cluster.StatusAsync(run => run.Phase == RunPhase.Training, "round 1");
        await anna.UpdateAsync(TestTrainer.Weights(1));
        var second = await cluster.StatusAsync(run => run is { Phase: RunPhase.Training, Round: 2 }, "round 2");
        Assert.Equal([0, 1], second.Run.Trainers.Select(trainer => trainer.NotAwaitedAfter));

        await cluster[0].Admin.PauseRunAsync(new PauseRunRequest { Run = "test" });
        await anna.UpdateAsync(TestTrainer.Weights(2), round: 2);

        await cluster.StatusAsync(run => run.Trail.Count == 3, "the model of round 2");
    }

    [Fact]
    public async Task A_request_is_applied_once_under_its_key()
    {
        await using var cluster = await StartAsync("""
            "minTrainers": 1
            """);
        var admin = cluster[0].Admin;
        var pause = new PauseRunRequest { Run = "test", Key = "deploy-7" };
        Assert.Equal(VerdictCode.Accepted, (await admin.PauseRunAsync(pause)).Verdict);
        await admin.ResumeRunAsync(new ResumeRunRequest { Run = "test" });

        var again = await admin.PauseRunAsync(pause);
        var other = await admin.ResumeRunAsync(new ResumeRunRequest { Run = "test", Key = "deploy-7" });
        var wrong = await admin.StopRunAsync(new StopRunRequest { Run = "test", Key = "deploy 7" });

        Assert.Equal((VerdictCode.Duplicate, "Request deploy-7 was accepted before."), (again.Verdict, again.Reason));
        Assert.Equal((VerdictCode.Rejected, "Key deploy-7 belongs to another request: choose a new key."),
            (other.Verdict, other.Reason));
        Assert.Equal((VerdictCode.Rejected, "'deploy 7' is not a request key: use 1 to 64 of A-Z a-z 0-9 . _ - and "
            + "start with a letter or a digit."), (wrong.Verdict, wrong.Reason));
        Assert.False((await cluster.StatusAsync(_ => true, "the run")).Run.Paused);
    }

    [Fact]
    public async Task A_key_is_known_to_the_next_leader()
    {
        await using var cluster = await StartAsync("""
            "minTrainers": 1
            """, nodes: 3);
        var first = await cluster.LeaderAsync();
        var pause = new PauseRunRequest { Run = "test", Key = "deploy-7" };
        Assert.Equal(VerdictCode.Accepted, (await first.Admin.PauseRunAsync(pause)).Verdict);
        await first.Admin.ResumeRunAsync(new ResumeRunRequest { Run = "test" });
        await cluster.StopAsync(first.Id);

        var next = await cluster.LeaderAsync();

        Assert.NotEqual(first.Id, next.Id);
        Assert.Equal(VerdictCode.Duplicate, (await next.Admin.PauseRunAsync(pause)).Verdict);
        Assert.False((await cluster.StatusAsync(_ => true, "the run")).Run.Paused);
    }

    private static async Task<TestCluster> StartAsync(string rules, int nodes = 1)
    {
        var cluster = await TestCluster.StartAsync(
            nodes, $$"""{ "name": "test", "rounds": 9, "seed": 1, {{rules}} }""");
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        var leader = await cluster.LeaderAsync();
        Assert.Equal(VerdictCode.Accepted, (await TestTrainer.SeedAsync(leader, TestTrainer.Weights(0))).Verdict);
        return cluster;
    }

    private static async Task<IReadOnlyList<TestTrainer>> JoinAsync(NodeConnection node, params string[] names)
    {
        var trainers = names.Select((name, i) => new TestTrainer(node, name, (ulong)i + 1)).ToList();
        foreach (var trainer in trainers) Assert.Equal(VerdictCode.Accepted, (await trainer.JoinAsync()).Verdict);
        return trainers;
    }
}
