using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;
using Quorate.Shared.Hosts;

namespace Quorate.Unit.Consensus;

/// <summary>
/// Three real nodes of the replicated log in this process, on free loopback ports and temporary directories. Timeouts
/// are wide, because the test machine is busy; no test depends on how fast anything is.
/// </summary>
internal sealed class LoopbackCluster : IAsyncDisposable
{
    private readonly ReplicatedLog?[] _logs;
    private readonly Member[] _members;

    private LoopbackCluster(int nodes)
    {
        _members = [.. FreePorts(nodes).Select((port, i) => new Member(i, HostPort.Parse($"127.0.0.1:{port}")))];
        _logs = new ReplicatedLog?[nodes];
    }

    public TemporaryDirectory Root { get; } = new();
    public List<Exception> Broken { get; } = [];
    public int SnapshotEvery { get; init; } = 20_000;
    public TimeSpan ProposeTimeout { get; init; } = TimeSpan.FromSeconds(10);
    public TimeSpan AppendTimeout { get; init; } = TimeSpan.FromSeconds(2);
    public TimeSpan VoteTimeout { get; init; } = TimeSpan.FromMilliseconds(450);

    /// <summary>What a node's disk waits for before it flushes the log.</summary>
    public Func<int, CancellationToken, Task> Disk { get; set; } = static (_, _) => Task.CompletedTask;

    public ReplicatedLog this[int node] =>
        _logs[node] ?? throw new InvalidOperationException($"Node {node} is stopped.");
    public IEnumerable<int> Up => Enumerable.Range(0, _logs.Length).Where(i => _logs[i] is not null);

    public static async Task<LoopbackCluster> StartAsync(CancellationToken token, int snapshotEvery = 20_000,
        TimeSpan? proposeTimeout = null, TimeSpan? appendTimeout = null, int nodes = 3,
        TimeSpan? voteTimeout = null)
    {
        var cluster = new LoopbackCluster(3) { SnapshotEvery = snapshotEvery,
            ProposeTimeout = proposeTimeout ?? TimeSpan.FromSeconds(10),
            AppendTimeout = appendTimeout ?? TimeSpan.FromSeconds(2),
            VoteTimeout = voteTimeout ?? TimeSpan.FromMilliseconds(450) };
        await Task.WhenAll(Enumerable.Range(0, nodes).Select(i => cluster.StartNodeAsync(i, token)));
        return cluster;
    }

    public ConsensusOptions Options(int node) => new()
    {
        Node = node, Members = _members, Directory = Path.Combine(Root.Path,
            $"node-{node}"), SnapshotEvery = SnapshotEvery,
        ElectionMin = TimeSpan.FromMilliseconds(500), ElectionMax = TimeSpan.FromMilliseconds(750),
        RequestTimeout = VoteTimeout, ProposeTimeout = ProposeTimeout,
        AppendTimeout = AppendTimeout, BeforeFlush = token => Disk(node, token),
    };

    public async Task StartNodeAsync(int node, CancellationToken token) => _logs[node] = await ReplicatedLog.StartAsync(
        Options(node), NullLoggerFactory.Instance, TimeProvider.System, Note, token);

    public async Task StopNodeAsync(int node)
    {
        var log = this[node];
        _logs[node] = null;
        await log.DisposeAsync();
    }

    /// <summary>The leader, as soon as one of the running nodes leads.</summary>
    public async Task<int> LeaderAsync(CancellationToken token)
    {
        using var found = CancellationTokenSource.CreateLinkedTokenSource(token);
        var leads = Up.Select(async node =>
        {
            for (var seen = this[node].Leadership; !seen.IsLeader;)
                seen = await this[node].LeadershipChangedAsync(seen, found.Token);
            return node;
        }).ToArray();
        try
        {
            return await await Task.WhenAny(leads);
        }
        finally
        {
            await found.CancelAsync();
        }
    }

    /// <summary>Proposes at the leader and repeats until there is an outcome, as every client does.</summary>
    public async Task<Outcome> ProposeAsync(Command command, CancellationToken token)
    {
        while (true)
        {
            int leader = await LeaderAsync(token);
            try
            {
                return await this[leader].ProposeAsync(command, token);
            }
            catch (Exception e) when (e is NotLeaderException or OutcomeUnknownException)
            {
                token.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>Waits until every running node has applied at least <paramref name="index"/>.</summary>
    public Task AppliedAsync(long index, CancellationToken token) =>
        Task.WhenAll(Up.Select(node => this[node].ChangedAsync(index - 1, token)));

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(Up.ToArray().Select(StopNodeAsync));
        Root.Dispose();
    }

    private void Note(Exception e)
    {
        lock (Broken) Broken.Add(e);
    }

    public static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToArray();
        foreach (var listener in listeners) listener.Start();
        int[] ports = [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        foreach (var listener in listeners) listener.Dispose();
        return ports;
    }
}

/// <summary>A new directory that is deleted after the test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("quorate-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
