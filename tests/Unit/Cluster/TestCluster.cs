using System.Net;
using System.Net.Sockets;
using Quorate.Coordinator;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Settings;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;

namespace Quorate.Unit.Cluster;

/// <summary>
/// Whole coordinators in this process, on loopback ports that were free a moment ago, each with its own directory.
/// </summary>
internal sealed class TestCluster : IAsyncDisposable
{
    /// <summary>
    /// Bound of every wait in a test: far above what a loaded machine needs, so only a hang reaches it.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Dictionary<int, (CancellationTokenSource Stop, Task<int> Run, DataDirectory Data)> _running = [];
    private readonly RunFile? _run;
    private readonly TimeSpan _lease;
    private readonly string[] _trainers;

    private TestCluster(HostsFile hosts, RunFile? run, TimeSpan lease, string[] trainers)
    {
        (Hosts, _run, _lease, _trainers) = (hosts, run, lease, trainers);
        Root = Directory.CreateTempSubdirectory("quorate-test-").FullName;
        Connections = new ClusterConnections(hosts, TimeProvider.System);
    }

    public HostsFile Hosts { get; }
    public string Root { get; }
    public ClusterConnections Connections { get; }
    public NodeConnection this[int node] => Connections.Nodes.First(n => n.Id == node);

    /// <param name="trainers">Paths of trainer programs; none: the coordinators only coordinate.</param>
    public static async Task<TestCluster> StartAsync(
        int nodes, string? run = null, TimeSpan? lease = null, params string[] trainers)
    {
        var cluster = new TestCluster(
            FreeHosts(nodes), run is null ? null : RunFile.Parse(run), lease ?? TimeSpan.FromMinutes(5), trainers);
        for (int id = 0; id < nodes; id++) cluster.Start(id);
        await cluster.LeaderAsync();
        await cluster.AllAnswerAsync();
        return cluster;
    }

    public void Start(int id, bool rejoin = false)
    {
        var stop = new CancellationTokenSource();
        var data = DataDirectory.Open(Path.Combine(Root, $"node-{id}"), id);
        var node = new CoordinatorNode(Options(id) with { Rejoin = rejoin }, data, _ => { });
        _running[id] = (stop, Task.Run(() => node.RunAsync(stop.Token)), data);
    }

    /// <summary>Runs a node until it ends by itself.</summary>
    public async Task<int> RunOnceAsync(int id, bool rejoin)
    {
        using var data = DataDirectory.Open(Path.Combine(Root, $"node-{id}"), id);
        using var bound = new CancellationTokenSource(Patience);
        return await new CoordinatorNode(Options(id) with { Rejoin = rejoin }, data, _ => { }).RunAsync(bound.Token);
    }

    public async Task StopAsync(int id)
    {
        Assert.True(_running.Remove(id, out var node));
        await node.Stop.CancelAsync();
        Assert.Equal(0, await node.Run.WaitAsync(Patience));
        node.Data.Dispose();
        node.Stop.Dispose();
    }

    public CoordinatorOptions Options(int id) => new()
    {
        Node = id, Hosts = Hosts, Run = _run, DataDirectory = Path.Combine(Root,
            $"node-{id}"), TrainerPrograms = _trainers, Lease = _lease,
    };

    /// <summary>Returns once every node answers and reaches a majority.</summary>
    public Task AllAnswerAsync() => UntilAsync(
        async token =>
        {
            var replies = await Connections.StatusAsync(new StatusRequest(), token);
            return replies.All(reply => reply is { Quorum: true }) ? "" : null;
        },
        "an answer with a quorum from every node");

    public Task<NodeConnection> LeaderAsync() => UntilAsync(
        async token =>
        {
            foreach (var (_, run, _) in _running.Values)
                if (run.IsCompleted) await run; // Rethrows why a node died.
            return await Connections.FindLeaderAsync(token);
        },
        "a leader");

    /// <summary>The newest status that satisfies <paramref name="wanted"/>, from the node that leads.</summary>
    public Task<StatusReply> StatusAsync(Func<RunStatus, bool> wanted, string what) => UntilAsync(
        async token =>
        {
            var replies = await Connections.StatusAsync(new StatusRequest(), token);
            return replies.FirstOrDefault(reply => reply is { Leader: true, Run: not null } && wanted(reply.Run));
        },
        what);

    public static async Task<T> UntilAsync<T>(Func<CancellationToken, Task<T?>> look, string what) where T : class
    {
        using var bound = new CancellationTokenSource(Patience);
        while (!bound.IsCancellationRequested)
        {
            if (await look(bound.Token) is { } found) return found;
            await Task.Yield();
        }
        throw new TimeoutException($"There was no sign of {what} within {Patience.TotalSeconds} s.");
    }

    public async ValueTask DisposeAsync()
    {
        Connections.Dispose();
        foreach (int id in _running.Keys.ToList())
        {
            var (stop, run, data) = _running[id];
            await stop.CancelAsync();
            await ((Task)run).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            data.Dispose();
            stop.Dispose();
        }
        Directory.Delete(Root, recursive: true);
    }

    private static HostsFile FreeHosts(int nodes)
    {
        // All ports are held until all are known, so no two are the same.
        var held = Enumerable.Range(0, 2 * nodes).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        held.ForEach(listener => listener.Start());
        int[] ports = [.. held.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        held.ForEach(listener => listener.Stop());
        var members = Enumerable.Range(0, nodes).Select(id =>
            $$"""{ "id": {{id}}, "raft": "127.0.0.1:{{ports[2 * id]}}", "grpc": "127.0.0.1:{{ports[2 * id + 1]}}" }""");
        return HostsFile.Parse($$"""{ "nodes": [ {{string.Join(", ", members)}} ] }""");
    }
}
