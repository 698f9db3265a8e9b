using System.Collections.Concurrent;
using System.Globalization;

namespace Quorate.ChaosTests.Durability;

/// <summary>The result of an experiment.</summary>
internal sealed record KillReport(int Rounds, int Kills, int Acked, List<string> Violations);

/// <summary>
/// The durability experiment: three real processes write as fast as they can. In each round, one, two or all of them
/// are killed with SIGKILL at a moment drawn from the seed and started again. Then every node must hold everything that
/// was ever acknowledged, and no two may differ at any index. A node that ends by itself is a violation, too.
/// </summary>
internal sealed class KillRounds : IDisposable
{
    private const int Nodes = 3;

    /// <summary>
    /// The most acknowledgements of a node in a round, so that sixteen runs of 20,000 trainers are enough for hundreds
    /// of rounds.
    /// </summary>
    private const int AcksMax = 300;

    private const int RoundsPerRun = 20;

    /// <summary>As long as a coordinator waits for a follower without progress.</summary>
    private static readonly TimeSpan _laggardAfter = TimeSpan.FromSeconds(10);

    private readonly string _root = Directory.CreateTempSubdirectory("quorate-durability-").FullName;
    private readonly int[] _ports = FreePorts.Take(Nodes);
    private readonly string[] _settings;
    private readonly NodeProcess?[] _nodes = new NodeProcess?[Nodes];
    private readonly ConcurrentDictionary<string, byte> _acked = new();
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly Draws _draws;
    private int _kills;
    private TaskCompletionSource _firstAck = new();

    public KillRounds(ulong seed, params string[] settings)
    {
        _draws = new Draws(seed);
        _settings = settings;
    }

    /// <summary>The folder with the nodes' logs and data, kept after a failure.</summary>
    public string Root => _root;

    public async Task<KillReport> RunAsync(int rounds, CancellationToken token)
    {
        var violations = new List<string>();
        int round = 0;
        await StartMissingAsync(token);
        for (; round < rounds && violations.Count == 0; round++)
        {
            using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
            bound.CancelAfter(TimeSpan.FromSeconds(60));
            try
            {
                violations.AddRange(await RoundAsync(round, bound.Token));
            }
            catch (OperationCanceledException) when (!token.IsCancellationRequested)
            {
                violations.Add($"Round {round} did not end within 60 s.");
            }
        }
        return new KillReport(round, _kills, _acked.Count, [.. violations.Take(20)]);
    }

    public void Dispose()
    {
        foreach (var node in _nodes) node?.Dispose();
    }

    private async Task<List<string>> RoundAsync(int round, CancellationToken token)
    {
        string run = $"run-{round / RoundsPerRun}", prefix = $"r{round}";
        _firstAck = new TaskCompletionSource();
        foreach (var node in _nodes) node!.Tell($"write {prefix}- {run} {AcksMax} 4");
        await _firstAck.Task.WaitAsync(token);
        await Task.Delay(TimeSpan.FromMilliseconds(_draws.Below(400)), _time, token);

        // Two of three rounds kill all nodes: then only what is on the disks is left.
        int count = _draws.Below(3) < 2 ? Nodes : 1 + _draws.Below(2), first = _draws.Below(Nodes);
        int[] victims = [.. Enumerable.Range(first, count).Select(node => node % Nodes)];
        await Task.WhenAll(victims.Select(victim => _nodes[victim]!.KillAsync(token)));
        _kills += victims.Length;
        var violations = _nodes.Where(node => node!.OwnExit is not null)
            .Select(node => $"Node {node!.Node} ended by itself with exit code {node.OwnExit}.").ToList();
        if (violations.Count > 0) return violations;
        foreach (var node in _nodes) node!.Tell($"stop");
        await StartMissingAsync(token);

        // A marker from the new leader: a node that has applied it has applied everything before it.
        long index = await MarkAsync($"{prefix}-mark", run, token);
        foreach (var node in _nodes) node!.Tell($"wait {index}");
        var there = Task.WhenAll(_nodes.Select(node => node!.ReadLineAsync("AT", token)));
        // Like a coordinator, the leader resigns if a follower makes no progress: the library can get stuck with it.
        while (await Task.WhenAny(there, Task.Delay(_laggardAfter, _time, token)) != there)
        {
            token.ThrowIfCancellationRequested();
            foreach (var node in _nodes) node!.Tell($"resign");
        }
        await there;
        foreach (var node in _nodes)
        {
            node!.Tell($"chains 0");
            node.Tell($"has {run} r");
        }
        var chains = await Task.WhenAll(_nodes.Select(node => node!.ReadLinesAsync("CHAIN", token)));
        var held = await Task.WhenAll(_nodes.Select(node => node!.ReadLinesAsync("HAS", token)));
        int oldest = round - (round % RoundsPerRun);
        string[] acked = [.. _acked.Keys.Where(name => RoundOf(name) >= oldest)];
        return [.. DurabilityChecker.Diverged(chains), .. DurabilityChecker.Lost(acked, held)];
    }

    private static int RoundOf(string name) =>
        int.Parse(name.AsSpan(1, name.IndexOf('-') - 1), CultureInfo.InvariantCulture);

    private async Task StartMissingAsync(CancellationToken token)
    {
        var started = new List<NodeProcess>();
        for (int node = 0; node < Nodes; node++)
        {
            if (_nodes[node] is { Killed: false }) continue;
            _nodes[node]?.Dispose();
            started.Add(_nodes[node] = new NodeProcess(node, _ports, Path.Combine(_root, $"node-{node}"), _settings,
                OnAck));
        }
        await Task.WhenAll(started.Select(node => node.ReadLineAsync("READY", token)));
    }

    private async Task<long> MarkAsync(string name, string run, CancellationToken token)
    {
        using var answered = CancellationTokenSource.CreateLinkedTokenSource(token);
        // With its name: the marker is requested repeatedly, and late answers of the last round may still arrive.
        var answers = _nodes.Select(node => node!.ReadLineAsync($"MARKED {name} ", answered.Token)).ToArray();
        try
        {
            while (true)
            {
                foreach (var node in _nodes) node!.Tell($"mark {name} {run}");
                var pause = Task.Delay(TimeSpan.FromMilliseconds(50), _time, token);
                if (await Task.WhenAny([.. answers, pause]) is Task<string> answer)
                    return long.Parse(await answer, CultureInfo.InvariantCulture);
                await pause;
            }
        }
        finally
        {
            await answered.CancelAsync();
            await Task.WhenAll(answers).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None,
                TaskScheduler.Default);
        }
    }

    private void OnAck(string name)
    {
        _acked.TryAdd(name, 0);
        _firstAck.TrySetResult();
    }
}
