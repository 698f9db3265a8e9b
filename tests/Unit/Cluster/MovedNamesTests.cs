using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Quorate.Coordinator;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Settings;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Cluster;

/// <summary>Three coordinators that know each other by name; the names move to other loopback addresses.</summary>
public sealed class MovedNamesTests : IAsyncDisposable
{
    private const string OneTrainer =
        """{ "name": "test", "rounds": 3, "minTrainers": 1, "minResults": 1, "seed": 1, "keepUpdateRounds": 3 }""";

    private readonly string _root = Directory.CreateTempSubdirectory("quorate-test-").FullName;
    private readonly int[] _ports = LoopbackCluster.FreePorts(6);
    private readonly ConcurrentDictionary<string, IPAddress> _table = new();
    private readonly List<(CancellationTokenSource Stop, Task<int> Run, DataDirectory Data)> _running = [];

    [Fact]
    public async Task Three_coordinators_restart_with_new_addresses_and_the_run_continues()
    {
        Move("127.0.8");
        StartAll();
        using (var connections = new ClusterConnections(Hosts("127.0.8."), TimeProvider.System))
        {
            var leader = await LeaderAsync(connections, RunPhase.Preparing, round: 0);
            await TestTrainer.SeedAsync(leader, TestTrainer.Weights(0));
            await new TestTrainer(leader, "anna", 1).JoinAsync();
            await UpdateAsync(connections, round: 1);
        }
        await StopAllAsync();

        Move("127.0.9");
        StartAll();
        using (var connections = new ClusterConnections(Hosts("127.0.9."), TimeProvider.System))
            await UpdateAsync(connections, round: 2);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAllAsync();
        Directory.Delete(_root, recursive: true);
    }

    private void Move(string network)
    {
        for (int id = 0; id < 3; id++) _table[$"fed{id}"] = IPAddress.Parse($"{network}.{id + 1}");
    }

    private void StartAll()
    {
        for (int id = 0; id < 3; id++)
        {
            var stop = new CancellationTokenSource();
            string path = Path.Combine(_root, $"node-{id}");
            var data = DataDirectory.Open(path, id);
            var options = new CoordinatorOptions
            {
                Node = id, Hosts = Hosts("fed", first: 0), Run = RunFile.Parse(OneTrainer), DataDirectory = path,
                TrainerPrograms = [], Lease = TimeSpan.FromMinutes(5),
            };
            var node = new CoordinatorNode(options, data, _ => { }, Names());
            _running.Add((stop, Task.Run(() => node.RunAsync(stop.Token)), data));
        }
    }

    /// <summary>Each start has its own, as a new process has: answers are reused for half a second.</summary>
    private HostNames Names() => new(
        host => _table.TryGetValue(host, out var address)
            ? [address]
            : throw new SocketException((int)SocketError.HostNotFound),
        TimeProvider.System);

    private async Task StopAllAsync()
    {
        foreach (var (stop, run, data) in _running)
        {
            await stop.CancelAsync();
            await ((Task)run).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            data.Dispose();
            stop.Dispose();
        }
        _running.Clear();
    }

    /// <summary>The hosts file with the names, or with the addresses they have at the moment.</summary>
    private HostsFile Hosts(string prefix, int first = 1)
    {
        var nodes = Enumerable.Range(0, 3).Select(id =>
            $$"""
            { "id": {{id}}, "raft": "{{prefix}}{{id + first}}:{{_ports[2 * id]}}",
              "grpc": "{{prefix}}{{id + first}}:{{_ports[2 * id + 1]}}" }
            """);
        return HostsFile.Parse($$"""{ "nodes": [ {{string.Join(", ", nodes)}} ] }""");
    }

    private static Task<NodeConnection> LeaderAsync(ClusterConnections connections, RunPhase phase, int round) =>
        TestCluster.UntilAsync(
            async token =>
            {
                var replies = await connections.StatusAsync(new StatusRequest(), token);
                return replies.Any(r => r is { Leader: true, Run: { } run } && run.Phase == phase && run.Round == round)
                    ? await connections.FindLeaderAsync(token)
                    : null;
            },
            $"a leader with {phase} in round {round}");

    /// <summary>Sends anna's update of the round until it is accepted, and waits for the next round.</summary>
    private static async Task UpdateAsync(ClusterConnections connections, int round)
    {
        await TestCluster.UntilAsync(
            async token =>
            {
                if (await connections.FindLeaderAsync(token) is not { } leader) return null;
                try
                {
                    var reply = await new TestTrainer(leader, "anna", 1).UpdateAsync(
                        TestTrainer.Weights(round), round);
                    return reply.Verdict is VerdictCode.Accepted or VerdictCode.Duplicate ? reply : null;
                }
                catch (RpcException)
                {
                    return null;
                }
            },
            $"the update of round {round}");
        await LeaderAsync(connections, RunPhase.Training, round + 1);
    }
}
