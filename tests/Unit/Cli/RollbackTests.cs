using Grpc.Core;
using Quorate.Cli;
using Quorate.Cli.Commands;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Unit.Cluster;

namespace Quorate.Unit.Cli;

/// <summary>What an operator does, on a whole coordinator.</summary>
public sealed class RollbackTests
{
    private const string Momentum = """
        { "name": "test", "rounds": 5, "minTrainers": 1, "seed": 1, "keepModels": 1,
          "aggregation": { "strategy": "fedavgm", "parameters": { "momentum": 0.9 } } }
        """;

    [Fact]
    public async Task A_paused_run_says_so_and_opens_no_round_until_it_is_resumed()
    {
        await using var cluster = await StartAsync();
        Assert.Equal(0, await QuorateAsync(cluster, "run", "pause", "test"));
        await PlayAsync(cluster, 1);
        var status = await cluster.StatusAsync(run => run.Round == 2, "the end of round 1");
        Assert.Equal((RunPhase.Waiting, true), (status.Run.Phase, status.Run.Paused));
        Assert.Equal("Paused by an operator: updates are accepted, no round opens.", status.Run.WaitingFor);

        Assert.Equal(0, await QuorateAsync(cluster, "run", "resume", "test"));

        await cluster.StatusAsync(run => run is { Phase: RunPhase.Training, Round: 2 }, "round 2");
        Assert.Equal((int)ExitCode.BadInput, await QuorateAsync(cluster, "run", "pause", "unknown"));
    }

    [Fact]
    public async Task A_held_feature_level_is_in_the_status_until_it_is_released()
    {
        await using var cluster = await StartAsync();
        for (int i = 0; i < 2; i++) Assert.Equal(0, await QuorateAsync(cluster, "upgrade", "hold"));
        Assert.Equal("an operator", (await cluster.StatusAsync(_ => true, "the run")).LevelHeldBy);

        Assert.Equal(0, await QuorateAsync(cluster, "upgrade", "release"));

        Assert.Equal("", (await cluster.StatusAsync(_ => true, "the run")).LevelHeldBy);
    }

    [Fact]
    public async Task A_request_whose_answer_is_lost_is_repeated_and_applied_once()
    {
        await using var cluster = await StartAsync();
        var keys = new List<string>();
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        string answer = await RunCommands.WriteAsync(
            cluster.Connections, "test", "Run test is paused.", Pause, bound.Token);

        Assert.Equal("Run test is paused.", answer);
        Assert.Equal(2, keys.Count);
        Assert.Single(keys.Distinct());
        Assert.False((await cluster.StatusAsync(_ => true, "the run")).Run.Paused);

        AsyncUnaryCall<VerdictReply> Pause(Admin.AdminClient leader, string key, CallOptions options)
        {
            keys.Add(key);
            var request = new PauseRunRequest { Run = "test", Key = key };
            return keys.Count > 1 ? leader.PauseRunAsync(request, options) : Losing(async () =>
            {
                await leader.PauseRunAsync(request, options);
                await leader.ResumeRunAsync(new ResumeRunRequest { Run = "test" }, options);
                throw new RpcException(new Status(StatusCode.Unavailable, "The leader died."));
            });
        }
    }

    [Fact]
    public async Task A_run_that_is_queued_says_so_when_its_first_answer_is_lost()
    {
        await using var cluster = await StartAsync();
        int calls = 0;
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        string answer = await RunCommands.WriteAsync(
            cluster.Connections, "second", "Run second is open.", Open, bound.Token);

        Assert.Equal("Run 'second' is queued behind 'test' (1 of 1 places taken).", answer);
        Assert.Equal(2, calls);

        AsyncUnaryCall<VerdictReply> Open(Admin.AdminClient leader, string key, CallOptions options)
        {
            var request = new OpenRunRequest
            {
                RunFile = """{ "name": "second", "rounds": 1, "minTrainers": 1, "seed": 1 }""", Key = key,
            };
            return ++calls > 1 ? leader.OpenRunAsync(request, options) : Losing(async () =>
            {
                await leader.OpenRunAsync(request, options);
                throw new RpcException(new Status(StatusCode.Unavailable, "The leader died."));
            });
        }
    }

    [Fact]
    public async Task A_run_beside_an_active_one_is_queued_until_the_limit_is_raised()
    {
        await using var cluster = await StartAsync();
        string file = Path.Combine(cluster.Root, "second.json");
        await File.WriteAllTextAsync(file, """{ "name": "second", "rounds": 1, "minTrainers": 1, "seed": 1 }""");
        Assert.Equal(0, await QuorateAsync(cluster, "run", "start", file));
        await SecondAsync(RunPhase.Queued);
        Assert.Equal(0, await QuorateAsync(cluster, "run", "limit", "2"));
        await SecondAsync(RunPhase.Preparing);
        Assert.NotEqual(0, await QuorateAsync(cluster, "run", "limit", "9"));
        Assert.NotEqual(0, await QuorateAsync(cluster, "run", "limit", "two"));

        async Task SecondAsync(RunPhase phase) => Assert.Equal(
            phase, (await cluster.StatusAsync(run => run.Run == "test", "the run")).Runs[1].Phase);
    }

    [Fact]
    public async Task A_rollback_stops_the_run_and_opens_another_from_that_rounds_model_and_memory()
    {
        await using var cluster = await StartAsync();
        await PlayAsync(cluster, 1);
        var before = (await cluster.StatusAsync(run => run is { Phase: RunPhase.Training, Round: 2 }, "round 2")).Run;
        Assert.False(before.Trail[1].Memory.IsEmpty);

        Assert.Equal(0, await QuorateAsync(cluster, "run", "rollback", "test", "--round", "1", "--as", "next"));

        var status = await cluster.StatusAsync(run => run.Run == "next", "the new run");
        Assert.Equal((RunPhase.Waiting, 1), (status.Run.Phase, status.Run.Round));
        Assert.Equal(
            (before.Trail[1].Blob, before.Trail[1].Memory), (status.Run.Trail[0].Blob, status.Run.Trail[0].Memory));
        var old = status.Runs.Single(run => run.Run == "test");
        Assert.Equal((RunPhase.Stopped, "rolled back to round 1 as next"), (old.Phase, old.Reason));
        Assert.Equal("Run 'next' is open already.", await RollBackAsync(cluster, 1, "next"));
        Assert.Equal(
            "Run 'other' is queued behind 'next' (1 of 1 places taken).", await RollBackAsync(cluster, 1, "other"));
    }

    [Fact]
    public async Task A_rollback_that_is_refused_does_not_stop_the_run()
    {
        await using var cluster = await StartAsync();
        await PlayAsync(cluster, 1);
        await PlayAsync(cluster, 2);
        await cluster.StatusAsync(run => run is { Phase: RunPhase.Training, Round: 3 }, "round 3");
        foreach (var (round, name, sentence) in new[]
        {
            (1, "next", "Run test no longer keeps the model of round 1; nothing was changed."),
            (3, "next", "Run test has no model of round 3; nothing was changed."),
            (2, "test", "There is another run test: choose a new name; nothing was changed."),
        })
            Assert.Equal(sentence, await RefusedAsync(cluster, round, name));
        Assert.Equal((int)ExitCode.BadInput,
            await QuorateAsync(cluster, "run", "rollback", "test", "--round", "2", "--as", "No Name"));
        var status = await cluster.StatusAsync(_ => true, "the run");
        Assert.Equal(("test", RunPhase.Training, 1), (status.Run.Run, status.Run.Phase, status.Runs.Count));
    }

    [Fact]
    public async Task A_rollback_without_the_server_memory_needs_fresh_memory()
    {
        await using var cluster = await StartAsync();
        await PlayAsync(cluster, 1);
        var run = (await cluster.StatusAsync(run => run is { Phase: RunPhase.Training, Round: 2 }, "round 2")).Run;
        string memory = Convert.ToHexStringLower(run.Trail[1].Memory.Span);
        File.Delete(Directory.EnumerateFiles(cluster.Root, $"{memory}*", SearchOption.AllDirectories).Single());

        Assert.Equal(
            "No node has the server memory of round 1 any more: --fresh-memory starts without it; nothing was changed.",
            await RefusedAsync(cluster, 1, "next"));

        await RollBackAsync(cluster, 1, "next", freshMemory: true);
        var next = (await cluster.StatusAsync(run => run.Run == "next", "the new run")).Run;
        Assert.Equal((run.Trail[1].Blob, true), (next.Trail[0].Blob, next.Trail[0].Memory.IsEmpty));
    }

    [Fact]
    public void The_newest_models_and_the_best_one_are_kept()
    {
        var run = new RunStatus { BestRound = 1 };
        for (int round = 0; round <= 4; round++) run.Trail.Add(new ModelStatus { Round = round });
        Assert.Equal([1, 3, 4], Enumerable.Range(0, 6).Where(round => RollbackCommand.IsKept(run, round, 2)));
        run.BestRound = 0;
        Assert.Equal([3, 4], Enumerable.Range(0, 6).Where(round => RollbackCommand.IsKept(run, round, 2)));
    }

    /// <summary>
    /// A coordinator whose run is in round 1, with one trainer. The first step is 2 from a model of 1, so that no model
    /// has the bytes of a memory.
    /// </summary>
    private static async Task<TestCluster> StartAsync()
    {
        var cluster = await TestCluster.StartAsync(nodes: 1, Momentum);
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        Assert.Equal(VerdictCode.Accepted, (await TestTrainer.SeedAsync(cluster[0], TestTrainer.Weights(1))).Verdict);
        await new TestTrainer(cluster[0], "anna", incarnation: 1).JoinAsync();
        return cluster;
    }

    private static AsyncUnaryCall<VerdictReply> Losing(Func<Task<VerdictReply>> call) => new(
        call(), Task.FromResult(Metadata.Empty), () => Status.DefaultSuccess, () => [], () => { });

    private static async Task PlayAsync(TestCluster cluster, int round)
    {
        await cluster.StatusAsync(run => run.Phase == RunPhase.Training && run.Round == round, $"round {round}");
        var anna = new TestTrainer(cluster[0], "anna", incarnation: 1);
        Assert.Equal(VerdictCode.Accepted, (await anna.UpdateAsync(TestTrainer.Weights(2 * round + 1), round)).Verdict);
    }

    private static async Task<int> QuorateAsync(TestCluster cluster, params string[] line)
    {
        var nodes = cluster.Hosts.Nodes.Select(
            node => $$"""{ "id": {{node.Id}}, "raft": "{{node.Raft}}", "grpc": "{{node.Grpc}}" }""");
        string hosts = Path.Combine(cluster.Root, "hosts.json");
        await File.WriteAllTextAsync(hosts, $$"""{ "nodes": [ {{string.Join(", ", nodes)}} ] }""");
        return await QuorateCommand.Build().Parse([.. line, "--hosts", hosts]).InvokeAsync();
    }

    private static async Task<string> RollBackAsync(
        TestCluster cluster, int round, string name, bool freshMemory = false)
    {
        using var bound = new CancellationTokenSource(TestCluster.Patience);
        return await new RollbackCommand(
            cluster.Connections, RunId.Parse("test"), round, RunId.Parse(name), freshMemory).RunAsync(bound.Token);
    }

    private static async Task<string> RefusedAsync(TestCluster cluster, int round, string name)
    {
        var refusal = await Assert.ThrowsAsync<CommandException>(() => RollBackAsync(cluster, round, name));
        Assert.Equal(ExitCode.BadInput, refusal.Code);
        return refusal.Message;
    }
}
