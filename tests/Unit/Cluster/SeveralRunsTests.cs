using Grpc.Core;
using Quorate.Shared.Protocol;
using Quorate.Unit.Tidy;

namespace Quorate.Unit.Cluster;

/// <summary>One coordinator with several runs.</summary>
public sealed class SeveralRunsTests
{
    /// <summary>Its trainer program (Evaluation/trainer.sh) fails at every try to make the initial model.</summary>
    private const string Failing =
        """
        { "name": "failing", "rounds": 2, "minTrainers": 1, "seed": 1, "training": { "model": "logistic",
          "data": { "set": "mnist", "path": "PASSES", "shards": 1, "shardExamples": 32, "partition": "iid" },
          "local": { "steps": 4 }, "batch": 32, "optimiser": { "name": "sgd", "learningRate": 0.1 } } }
        """;

    [Fact]
    public async Task A_run_whose_steps_fail_holds_up_no_other()
    {
        string program = Path.Combine(SourceFile.Root, "tests/Unit/Evaluation/trainer.sh");
        await using var cluster = await TestCluster.StartAsync(nodes: 1, Failing, trainers: program);
        await cluster.StatusAsync(run => run.Run == "failing", "the first run");
        IsDone(await cluster[0].Admin.LimitRunsAsync(new LimitRunsRequest { MaxActive = 2 }));
        IsDone(await OpenAsync(cluster, TestTrainer.Run));
        await RunToItsEndAsync(cluster);
        var failing = await cluster.StatusAsync(run => run.Run == "failing", "the first run again");
        Assert.Equal(RunPhase.Preparing, failing.Run.Phase);
    }

    [Fact]
    public async Task A_second_run_is_queued_says_behind_which_and_starts_after_it()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 1);
        IsDone(await OpenAsync(cluster, TestTrainer.Run));
        var queued = await OpenAsync(cluster, "second");
        Assert.Equal(
            (VerdictCode.Accepted, "Run 'second' is queued behind 'test' (1 of 1 places taken)."),
            (queued.Verdict, queued.Reason));
        Assert.Equal("Run 'third' is queued behind 'test', 'second' (1 of 1 places taken).",
            (await OpenAsync(cluster, "third")).Reason);
        var again = await OpenAsync(cluster, "second");
        Assert.Equal((VerdictCode.Duplicate, "Run 'second' is queued already."), (again.Verdict, again.Reason));

        var status = await cluster[0].Federation.StatusAsync(new StatusRequest());
        Assert.Equal((TestTrainer.Run, 1), (status.Run.Run, status.MaxActiveRuns));
        Assert.Equal("The run is queued behind 'test' (1 of 1 places taken).", status.Runs[1].WaitingFor);
        Assert.Equal([RunPhase.Preparing, RunPhase.Queued, RunPhase.Queued], status.Runs.Select(run => run.Phase));
        Assert.Equal(["test"], await AnnouncedAsync(cluster));
        IsDone(await cluster[0].Admin.LimitRunsAsync(new LimitRunsRequest { MaxActive = 2 }));
        Assert.Equal(["test", "second"], await AnnouncedAsync(cluster));

        await RunToItsEndAsync(cluster);
        Assert.Equal(["second", "third", "test"], await AnnouncedAsync(cluster));
    }

    [Fact]
    public async Task A_queued_run_refuses_to_be_joined_or_paused_and_a_limit_has_its_range()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 1);
        IsDone(await OpenAsync(cluster, "first"));
        IsDone(await OpenAsync(cluster, TestTrainer.Run));
        const string NotStarted = "Run 'test' is queued and has not started yet.";
        Assert.Equal(NotStarted, (await new TestTrainer(cluster[0], "anna", 1).JoinAsync()).Reason);
        Assert.Equal(
            NotStarted, (await cluster[0].Admin.PauseRunAsync(new PauseRunRequest { Run = TestTrainer.Run })).Reason);
        Assert.Equal("The limit of active runs must be 1 to 8, not 9.",
            (await cluster[0].Admin.LimitRunsAsync(new LimitRunsRequest { MaxActive = 9 })).Reason);
    }

    private static async Task<VerdictReply> OpenAsync(TestCluster cluster, string name) =>
        await cluster[0].Admin.OpenRunAsync(new OpenRunRequest
        {
            RunFile = $$"""{ "name": "{{name}}", "rounds": 1, "minTrainers": 1, "minResults": 1, "seed": 1 }""",
        });

    /// <summary>Plays the one round of <see cref="TestTrainer.Run"/>.</summary>
    private static async Task RunToItsEndAsync(TestCluster cluster)
    {
        IsDone(await TestTrainer.SeedAsync(cluster[0], TestTrainer.Weights(0)));
        var anna = new TestTrainer(cluster[0], "anna", incarnation: 1);
        IsDone(await anna.JoinAsync());
        IsDone(await anna.UpdateAsync(TestTrainer.Weights(1)));
        await TestCluster.UntilAsync(
            async token =>
            {
                var status = await cluster[0].Federation.StatusAsync(
                    new StatusRequest { Run = TestTrainer.Run }, cancellationToken: token);
                return status.Run.Phase == RunPhase.Finished ? status : null;
            },
            "the run's end");
    }

    /// <summary>The runs that a trainer is told of.</summary>
    private static async Task<IEnumerable<string>> AnnouncedAsync(TestCluster cluster)
    {
        var anna = new TestTrainer(cluster[0], "anna", incarnation: 1);
        using var stream = anna.Attend();
        await stream.RequestStream.WriteAsync(anna.Heartbeat());
        Assert.True(await stream.ResponseStream.MoveNext());
        return stream.ResponseStream.Current.Runs.Select(run => run.Run);
    }

    private static void IsDone(VerdictReply reply) => Assert.Equal(VerdictCode.Accepted, reply.Verdict);
}
