using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Quorate.Coordinator;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Settings;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Cluster;

/// <summary>
/// Coordinators with different hosts files. Each group may be a majority of its own file, but two groups must never
/// both acknowledge a write: at most one of them votes.
/// </summary>
public sealed class OneClusterTests : IAsyncDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("quorate-test-").FullName;
    private readonly int[] _ports = LoopbackCluster.FreePorts(12);
    private readonly List<Process> _running = [];

    /// <summary>Nodes 0 and 1 have a file of three, nodes 2, 3 and 4 one of five.</summary>
    [Fact]
    public async Task Two_nodes_of_three_and_three_of_five_never_both_vote()
    {
        var three = Hosts(0, 1, 2);
        var five = Hosts(0, 1, 2, 3, 4);
        foreach (int id in new[] { 0, 1 }) Start(id, three);
        foreach (int id in new[] { 2, 3, 4 }) Start(id, five);

        foreach (int id in new[] { 2, 3, 4 }) await RefusedAsync(id);
        foreach (int id in new[] { 0, 1 })
            await TestCluster.UntilAsync(
                async token => _running[id].Has("different hosts files") || await TermAsync(id, token) > 0 ? "" : null,
                $"node {id}'s vote or refusal");

        long[] terms = await TermsAsync(0, 1, 2, 3, 4);
        Assert.All(terms[2..], term => Assert.Equal(0, term));
    }

    [Fact]
    public async Task A_cluster_keeps_running_while_nodes_with_another_file_start_beside_it()
    {
        var three = Hosts(0, 1, 2);
        foreach (int id in new[] { 0, 1 }) Start(id, three);
        await VotesAsync(0);
        var five = Hosts(0, 1, 2, 3, 4);
        foreach (int id in new[] { 2, 3, 4 }) Start(id, five);

        foreach (int id in new[] { 2, 3, 4 }) await RefusedAsync(id);

        Assert.All((await TermsAsync(0, 1, 2, 3, 4))[2..], term => Assert.Equal(0, term));
        Assert.True((await TermsAsync(0))[0] > 0);
        string refusal = _running[2].Lines.First(
            line => line.Contains("different hosts files", StringComparison.Ordinal));
        Assert.Matches("Nodes 2 and [01] have different hosts files: only node 2's lists '3 127.0.0.1:", refusal);
    }

    /// <summary>Node 2 is one machine in both files, nodes 0 and 1 are not.</summary>
    [Fact]
    public async Task Three_against_three_with_one_common_member_never_both_vote()
    {
        var one = Hosts(0, 1, 2);
        var other = HostsFile.Parse($$"""{ "nodes": [ {{Line(0, 3)}}, {{Line(1, 4)}}, {{Line(2, 2)}} ] }""");
        foreach (int id in new[] { 0, 1, 2 }) Start(id, one);
        await VotesAsync(2);
        Start(0, other, "other-0");
        Start(1, other, "other-1");

        foreach (var process in _running.Skip(3))
            await TestCluster.UntilAsync(
                _ => Task.FromResult(process.Has("different hosts files") ? "" : null), "the refusal");

        foreach (int port in new[] { 3, 4 }) Assert.Equal(0, (await HelloAsync(port, default)).Term);
    }

    /// <summary>A copy of another node's directory, with its node-id edited.</summary>
    [Fact]
    public async Task A_copy_of_another_nodes_directory_is_refused()
    {
        var hosts = Hosts(0, 1, 2);
        foreach (int id in new[] { 0, 1, 2 }) Start(id, hosts);
        foreach (int id in new[] { 0, 1, 2 }) await VotesAsync(id);
        await TestCluster.UntilAsync(
            _ => Task.FromResult(Enrolled(0).Length == 2 && Enrolled(1).Length == 2 ? "" : null), "the enrolment");
        await _running[1].DisposeAsync();
        await _running[2].DisposeAsync();
        Directory.Delete(Path.Combine(_root, "node-2"), recursive: true);
        Copy(Path.Combine(_root, "node-1"), Path.Combine(_root, "node-2"));
        await File.WriteAllTextAsync(Path.Combine(_root, "node-2", "node-id"), "2\n");
        Start(1, hosts);
        await TestCluster.UntilAsync(async token => await TermAsync(1, token) > 0 ? "" : null, "node 1");

        Start(2, hosts);

        var refusal = await Assert.ThrowsAsync<DataDirectoryException>(() => _running[^1].Run);
        Assert.Contains("is not the data directory that the other nodes enrolled for node 2", refusal.Message,
            StringComparison.Ordinal);
        Assert.Equal(ExitCode.BadSettings, ExitCode.Of(refusal));
    }

    /// <summary>
    /// The way of docs/OPERATIONS.md: a full stop, the new file, the old nodes first, then the new ones.
    /// </summary>
    [Fact]
    public async Task Three_nodes_become_five_by_a_full_stop_and_keep_their_history()
    {
        await StopThreeAsync();
        var file = Hosts(0, 1, 2, 3, 4);
        using var five = new ClusterConnections(file, TimeProvider.System);
        foreach (int id in new[] { 0, 1, 2 }) Start(id, file);
        await TestCluster.UntilAsync(five.FindLeaderAsync, "a leader of the old nodes");
        foreach (int id in new[] { 3, 4 }) Start(id, file);

        await AgreeAsync(five, RunPhase.Preparing);
        await StopRunAsync(five);

        await AgreeAsync(five, RunPhase.Stopped);
    }

    [Fact]
    public async Task A_node_that_returns_unchanged_to_a_cluster_of_five_is_refused_by_name()
    {
        var three = await StopThreeAsync();
        var file = Hosts(0, 1, 2, 3, 4);
        using var five = new ClusterConnections(file, TimeProvider.System);
        foreach (int id in new[] { 0, 1, 3, 4 }) Start(id, file);
        await TestCluster.UntilAsync(five.FindLeaderAsync, "a leader");

        Start(2, three);

        const string Named = "Nodes (2 and [0134]|[0134] and 2) have different hosts files: only node [0134]'s lists "
            + "'3 127.0.0.1:";
        var process = _running[^1];
        await TestCluster.UntilAsync(
            _ => Task.FromResult(process.Lines.FirstOrDefault(line => Regex.IsMatch(line, Named))), "the refusal");
        await StopRunAsync(five);
        using var returned = new ClusterConnections(three, TimeProvider.System);
        var status = (await returned.StatusAsync(new StatusRequest(), default))[2];
        Assert.Equal((false, false, RunPhase.Preparing), (status!.Leader, status.Quorum, status.Run.Phase));
    }

    /// <summary>Starts nodes 0, 1 and 2, opens a run, and stops them once all of them have it.</summary>
    private async Task<HostsFile> StopThreeAsync()
    {
        var hosts = Hosts(0, 1, 2);
        using var cluster = new ClusterConnections(hosts, TimeProvider.System);
        foreach (int id in new[] { 0, 1, 2 }) Start(id, hosts);
        var leader = await TestCluster.UntilAsync(cluster.FindLeaderAsync, "a leader");
        const string Run = """{ "name": "test", "rounds": 3, "minTrainers": 1, "seed": 1 }""";
        Assert.Equal(
            VerdictCode.Accepted, (await leader.Admin.OpenRunAsync(new OpenRunRequest { RunFile = Run })).Verdict);
        await AgreeAsync(cluster, RunPhase.Preparing);
        foreach (var process in _running) await process.DisposeAsync();
        return hosts;
    }

    private static async Task StopRunAsync(ClusterConnections cluster)
    {
        var leader = await TestCluster.UntilAsync(cluster.FindLeaderAsync, "a leader");
        var reply = await leader.Admin.StopRunAsync(new StopRunRequest { Run = "test" });
        Assert.Equal(VerdictCode.Accepted, reply.Verdict);
    }

    /// <summary>Returns once all nodes have the run in this phase and the same history.</summary>
    private static Task<string> AgreeAsync(ClusterConnections cluster, RunPhase phase) => TestCluster.UntilAsync(
        async token =>
        {
            var replies = await cluster.StatusAsync(new StatusRequest(), token);
            return replies.All(reply => reply is { Quorum: true } && reply.Run?.Phase == phase)
                && replies.Select(reply => (reply!.Index, reply.Chain)).Distinct().Count() == 1 ? "" : null;
        },
        $"one history with a run that is {phase}");

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _running) await process.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    private string[] Enrolled(int id) => File.Exists(Path.Combine(_root, $"node-{id}", "peers"))
        ? File.ReadAllLines(Path.Combine(_root, $"node-{id}", "peers"))
        : [];

    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    private HostsFile Hosts(params int[] ids) =>
        HostsFile.Parse($$"""{ "nodes": [ {{string.Join(", ", ids.Select(id => Line(id, id)))}} ] }""");

    /// <param name="at">Selects the machine's two ports.</param>
    private string Line(int id, int at) =>
        $$"""{ "id": {{id}}, "raft": "127.0.0.1:{{_ports[2 * at]}}", "grpc": "127.0.0.1:{{_ports[2 * at + 1]}}" }""";

    private void Start(int id, HostsFile hosts, string? directory = null)
    {
        string path = Path.Combine(_root, directory ?? $"node-{id}");
        _running.Add(new Process(new CoordinatorOptions
        {
            Node = id, Hosts = hosts, Run = null, DataDirectory = path, TrainerPrograms = [],
        }));
    }

    private Task<string> RefusedAsync(int id) => TestCluster.UntilAsync(
        _ => Task.FromResult(_running[id].Has("different hosts files") ? "" : null), $"node {id}'s refusal");

    private Task<string> VotesAsync(int at) => TestCluster.UntilAsync(
        async token => await TermAsync(at, token) > 0 ? "" : null, $"node {at}'s vote");

    private async Task<long[]> TermsAsync(params int[] at)
    {
        var terms = new List<long>();
        foreach (int each in at) terms.Add(await TermAsync(each, default));
        return [.. terms];
    }

    /// <summary>0 if it does not vote or does not answer.</summary>
    private async Task<long> TermAsync(int at, CancellationToken token)
    {
        try
        {
            return (await HelloAsync(at, token)).Term;
        }
        catch (Grpc.Core.RpcException)
        {
            return 0;
        }
    }

    private async Task<HelloReply> HelloAsync(int at, CancellationToken token)
    {
        using var channel = Channels.Create($"http://127.0.0.1:{_ports[2 * at + 1]}");
        return await new PeersClient(channel.CreateCallInvoker()).Hello(new HelloRequest { Node = -1 }, token);
    }

    /// <summary>One coordinator and what it logs.</summary>
    private sealed class Process : IAsyncDisposable, ILoggerProvider, ILogger
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly DataDirectory _data;
        private bool _disposed;

        public Process(CoordinatorOptions options)
        {
            _data = DataDirectory.Open(options.DataDirectory, options.Node);
            Run = Task.Run(
                () => new CoordinatorNode(options, _data, log => log.AddProvider(this)).RunAsync(_stop.Token));
        }

        public Task<int> Run { get; }
        public ConcurrentQueue<string> Lines { get; } = new();
        public bool Has(string text) => Lines.Any(line => line.Contains(text, StringComparison.Ordinal));
        public ILogger CreateLogger(string categoryName) => this;
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }

        public async ValueTask DisposeAsync()
        {
            if (_disposed) return;
            _disposed = true;
            await _stop.CancelAsync();
            await ((Task)Run).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _data.Dispose();
            _stop.Dispose();
        }
    }
}
