using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Quorate.Coordinator.Doors;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Unit.Cluster;

/// <summary>What three coordinators in one process do when some of them are away.</summary>
public sealed class ThreeNodeTests
{
    private const string OneTrainer =
        """{ "name": "test", "rounds": 3, "minTrainers": 1, "minResults": 1, "seed": 1, "keepUpdateRounds": 3 }""";

    [Fact]
    public async Task A_follower_refuses_writes_and_names_the_leader()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 3, OneTrainer);
        var leader = await cluster.LeaderAsync();
        var follower = await TestCluster.UntilAsync(
            async token => (await cluster.Connections.StatusAsync(new StatusRequest(), token))
                .FirstOrDefault(reply => reply is { Leader: false } && reply.LeaderNode == leader.Id),
            "a follower that knows the leader");

        var refusal = await Assert.ThrowsAsync<RpcException>(
            () => new TestTrainer(cluster[follower.Node], "anna", 1).JoinAsync());

        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
        Assert.Equal($"{leader.Id}", refusal.Trailers.GetValue(LeaderGate.LeaderIdTrailer));
        Assert.Equal(cluster.Hosts.Node(leader.Id).Grpc.ToString(),
            refusal.Trailers.GetValue(LeaderGate.LeaderAddressTrailer));
    }

    [Fact]
    public async Task Without_a_quorum_the_cluster_only_reads_and_with_one_it_continues()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 3, OneTrainer);
        var leader = await cluster.LeaderAsync();
        var anna = new TestTrainer(leader, "anna", 1);
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        await TestTrainer.SeedAsync(leader, TestTrainer.Weights(0));
        await anna.JoinAsync();
        int[] others = [.. cluster.Hosts.Nodes.Select(node => node.Id).Where(id => id != leader.Id)];
        foreach (int id in others) await cluster.StopAsync(id);

        var refusal = await TestCluster.UntilAsync(
            async _ =>
            {
                try
                {
                    await anna.JoinAsync(examples: 11);
                    return null;
                }
                catch (RpcException e) when (e.Status.Detail == "no quorum: read-only")
                {
                    return e;
                }
                catch (RpcException)
                {
                    return null;
                }
            },
            "the refusal");
        Assert.Equal(StatusCode.Unavailable, refusal.StatusCode);
        var status = await TestCluster.UntilAsync(
            async token =>
            {
                var reply = await leader.Federation.StatusAsync(new StatusRequest(), cancellationToken: token);
                return reply.Quorum ? null : reply;
            },
            "a status that says so");
        Assert.Equal("test", status.Run.Run);

        cluster.Start(others[0]);
        var next = new TestTrainer(await cluster.LeaderAsync(), "anna", 1);
        Assert.True((await next.JoinAsync()).Verdict is VerdictCode.Accepted or VerdictCode.Duplicate);
    }

    [Fact]
    public async Task When_the_leader_stops_the_next_one_has_every_accepted_update_and_ends_the_round()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 3, OneTrainer);
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        var leader = await cluster.LeaderAsync();
        await TestTrainer.SeedAsync(leader, TestTrainer.Weights(0));
        var anna = new TestTrainer(leader, "anna", 1);
        await anna.JoinAsync();
        Assert.Equal(VerdictCode.Accepted, (await anna.UpdateAsync(TestTrainer.Weights(3))).Verdict);

        await cluster.StopAsync(leader.Id);

        var status = await cluster.StatusAsync(run => run.Round == 2, "round 2");
        Assert.NotEqual(leader.Id, status.Node);
        Assert.Equal(BlobHash.Of(TestTrainer.Weights(3)), BlobHash.FromBytes(status.Run.Trail[1].Blob.Span));
        var again = new TestTrainer(cluster[status.Node], "anna", 1);
        Assert.Equal(VerdictCode.Duplicate, (await again.UpdateAsync(TestTrainer.Weights(3))).Verdict);
    }

    [Fact]
    public async Task A_trainer_silent_past_its_lease_leaves_the_client_set()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 1, OneTrainer, lease: TimeSpan.FromSeconds(1));
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        await new TestTrainer(cluster[0], "anna", 1).JoinAsync();
        var status = await cluster.StatusAsync(run => run.Trainers.Count == 1 && run.Present == 0, "anna leaving");
        Assert.False(status.Run.Trainers[0].Present);
    }

    [Fact]
    public async Task A_straggler_is_left_behind_after_the_grace_and_its_late_update_is_stale()
    {
        await using var cluster = await TestCluster.StartAsync(
            nodes: 1,
            """{ "name": "test", "rounds": 2, "minTrainers": 2, "minResults": 1, "graceSeconds": 1, "seed": 1 }""");
        await cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        await TestTrainer.SeedAsync(cluster[0], TestTrainer.Weights(0));
        var (anna, bert) = (new TestTrainer(cluster[0], "anna", 1), new TestTrainer(cluster[0], "bert", 2));
        await anna.JoinAsync();
        await bert.JoinAsync();
        Assert.Equal(VerdictCode.Accepted, (await anna.UpdateAsync(TestTrainer.Weights(3))).Verdict);

        var status = await cluster.StatusAsync(run => run.Round == 2, "round 2");

        Assert.Equal(1, status.Run.Trail[1].Contributors);
        Assert.Equal(VerdictCode.Stale, (await bert.UpdateAsync(TestTrainer.Weights(4))).Verdict);
    }

    [Fact]
    public async Task A_node_that_lost_its_directory_is_refused_and_returns_with_rejoin()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 3, OneTrainer);
        var leader = await cluster.LeaderAsync();
        int lost = (leader.Id + 1) % 3;
        await cluster.StopAsync(lost);
        Directory.Delete(Path.Combine(cluster.Root, $"node-{lost}"), recursive: true);

        var refusal = await Assert.ThrowsAsync<Coordinator.Peering.RejoinRequiredException>(
            () => cluster.RunOnceAsync(lost, rejoin: false));
        Assert.Contains("--rejoin", refusal.Message, StringComparison.Ordinal);

        cluster.Start(lost, rejoin: true);
        await cluster.AllAnswerAsync();
    }

    [Fact]
    public async Task A_port_in_use_is_named_with_the_setting_that_names_it()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 1);
        using var second = Coordinator.Disk.DataDirectory.Open(Path.Combine(cluster.Root, "other"), 0);
        var node = new Coordinator.CoordinatorNode(
            cluster.Options(0) with { DataDirectory = second.Path }, second, _ => { });
        var refusal = await Assert.ThrowsAsync<Coordinator.ListenException>(
            () => node.RunAsync(CancellationToken.None));
        Assert.Contains($"{cluster.Hosts.Node(0).Grpc}", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("\"grpc\" of node 0", refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>The services that had started by then logged pages of stack traces.</summary>
    [Fact]
    public async Task A_port_in_use_is_found_before_any_service_starts()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 1);
        await cluster.StopAsync(0);
        using var other = new TcpListener(IPAddress.Loopback, cluster.Hosts.Node(0).Grpc.Port);
        other.Start();
        using var data = Coordinator.Disk.DataDirectory.Open(Path.Combine(cluster.Root, "node-0"), 0);
        using var traces = new Traces();
        var node = new Coordinator.CoordinatorNode(cluster.Options(0), data, logging => logging.AddProvider(traces));
        await Assert.ThrowsAsync<Coordinator.ListenException>(() => node.RunAsync(CancellationToken.None));
        Assert.Empty(traces.Found);
    }

    /// <summary>192.0.2.1 is reserved for documentation (RFC 5737): no machine has it.</summary>
    [Theory]
    [InlineData("raft", "192.0.2.1:20100", "127.0.0.1:20101")]
    [InlineData("grpc", "127.0.0.1:20100", "192.0.2.1:20101")]
    public async Task An_address_of_another_machine_is_named_with_the_setting_that_names_it(
        string key, string raft, string grpc)
    {
        string folder = Directory.CreateTempSubdirectory("quorate-test-").FullName;
        using (var data = Coordinator.Disk.DataDirectory.Open(folder, 0))
        {
            var options = new Coordinator.Settings.CoordinatorOptions
            {
                Node = 0, Run = null, DataDirectory = folder, TrainerPrograms = [],
                Hosts = HostsFile.Parse($$"""{"nodes":[{"id":0,"raft":"{{raft}}","grpc":"{{grpc}}"}]}"""),
            };
            var refusal = await Assert.ThrowsAsync<Coordinator.ListenException>(
                () => new Coordinator.CoordinatorNode(options, data, _ => { }).RunAsync(CancellationToken.None));
            Assert.Contains("192.0.2.1", refusal.Message, StringComparison.Ordinal);
            Assert.Contains($"\"{key}\" of node 0", refusal.Message, StringComparison.Ordinal);
        }
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>The log events with a stack trace.</summary>
    private sealed class Traces : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Found { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (exception is not null && logLevel >= LogLevel.Warning) Found.Enqueue($"{formatter(state, exception)}");
        }

        public void Dispose()
        {
            // It holds nothing.
        }
    }
}
