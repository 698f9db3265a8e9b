using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;
using Quorate.Shared.Hosts;

namespace Quorate.Unit.Consensus;

/// <summary>Three logs that know each other by name: fed0, fed1, fed2. The test says where the names point.</summary>
internal sealed class NamedCluster : IAsyncDisposable
{
    private readonly TemporaryDirectory _root = new();
    private readonly ConcurrentDictionary<string, IPAddress[]> _table = [];
    private readonly Dictionary<int, ReplicatedLog> _logs = [];
    private readonly int[] _ports = LoopbackCluster.FreePorts(3);
    private readonly ConcurrentQueue<string>[] _lines = [new(), new(), new()];

    public ReplicatedLog this[int node] => _logs[node];

    /// <summary>What the node logged.</summary>
    public IReadOnlyCollection<string> Lines(int node) => _lines[node];

    public void Move(int node, params string[] addresses) =>
        _table[$"fed{node}"] = [.. addresses.Select(IPAddress.Parse)];

    public async Task StartAsync(
        int node, CancellationToken token, Func<ConsensusOptions, ConsensusOptions>? change = null)
    {
        var options = Options(node);
        using var loggers = LoggerFactory.Create(builder => builder.AddProvider(new Recorder(_lines[node])));
        _logs[node] = await ReplicatedLog.StartAsync(
            change?.Invoke(options) ?? options, loggers, TimeProvider.System, _ => { }, token);
    }

    public ConsensusOptions Options(int node) => new()
    {
        Node = node, Directory = Path.Combine(_root.Path, $"{node}"),
        Members = [.. Enumerable.Range(0, 3).Select(id => new Member(
            id, HostPort.Parse($"fed{id}:{_ports[id]}")))],
        Names = new HostNames(
            host => _table.TryGetValue(host, out var addresses)
                ? addresses
                : throw new SocketException((int)SocketError.HostNotFound),
            TimeProvider.System),
        ElectionMin = TimeSpan.FromMilliseconds(500), ElectionMax = TimeSpan.FromMilliseconds(750),
        RequestTimeout = TimeSpan.FromMilliseconds(450),
    };

    public async Task StopAsync(int node)
    {
        _logs.Remove(node, out var log);
        await log!.DisposeAsync();
    }

    /// <summary>Proposes at the leader, as often as it takes.</summary>
    public async Task<Outcome> ProposeAsync(Command command, CancellationToken token)
    {
        while (true)
        {
            foreach (var log in _logs.Values.Where(log => log.Leadership.IsLeader))
            {
                try
                {
                    return await log.ProposeAsync(command, token);
                }
                catch (Exception e) when (e is NotLeaderException or OutcomeUnknownException)
                {
                    token.ThrowIfCancellationRequested();
                }
            }
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var log in _logs.Values) await log.DisposeAsync();
        _root.Dispose();
    }

    private sealed class Recorder(ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
