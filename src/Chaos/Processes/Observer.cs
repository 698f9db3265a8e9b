using System.Collections.Concurrent;
using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Chaos.Processes;

/// <summary>
/// Promise P4, by looking: asks one node after the other, over and over, how far the run is. No linearizable answer may
/// be behind one that was given before it was asked for, whoever gave it; nor a node's plain answer behind an earlier
/// one of the same process.
/// </summary>
public sealed class Observer(ChaosCluster cluster) : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly CancellationTokenSource _stop = new();
    private readonly Monotonic _linearizable = new();
    private Task _looking = Task.CompletedTask;

    public ConcurrentQueue<string> Violations { get; } = new();

    /// <summary>Linearizable answers so far: with none, nothing was proved.</summary>
    public int Answers { get; private set; }

    public void Start() => _looking = Task.Run(LookAsync);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _looking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task LookAsync()
    {
        var plain = new Dictionary<CoordinatorProcess, Monotonic>();
        while (!_stop.IsCancellationRequested)
        {
            foreach (var node in cluster.Connections.Nodes)
            {
                var process = cluster[node.Id];
                if (await AskAsync(node, linearizable: true) is { } exact)
                {
                    Answers++;
                    Note(_linearizable.Next($"a linearizable read of node {node.Id}", exact));
                }
                // Whose answer it is, is sure only where the process was the same before and after.
                if (await AskAsync(node, linearizable: false) is { } own && ReferenceEquals(process, cluster[node.Id]))
                    Note((plain.TryGetValue(process, out var before) ? before : plain[process] = new Monotonic())
                        .Next($"node {node.Id}", own));
            }
            await Task.Delay(Pause, TimeProvider.System, _stop.Token);
        }
    }

    private async Task<Reading?> AskAsync(Shared.Cluster.NodeConnection node, bool linearizable)
    {
        try
        {
            var reply = await node.Federation.StatusAsync(
                new StatusRequest { Trail = 1, Linearizable = linearizable },
                deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(1), cancellationToken: _stop.Token);
            return reply.Run is { } run
                ? new Reading(reply.Index, run.Round, run.Trail.LastOrDefault()?.Round ?? -1)
                : null;
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException && !_stop.IsCancellationRequested)
        {
            return null;
        }
    }

    private void Note(string? violation)
    {
        if (violation is not null) Violations.Enqueue(violation);
    }
}

/// <param name="Index">Log index of the answer's state.</param>
/// <param name="Round">The round that is open or opens next.</param>
/// <param name="Model">The newest model's round; -1: none.</param>
public sealed record Reading(long Index, int Round, int Model);

/// <summary>Readings in the order in which they were made, none behind an earlier one.</summary>
public sealed class Monotonic
{
    private Reading _last = new(0, 0, -1);

    /// <summary>Null, or how the reading goes back.</summary>
    public string? Next(string who, Reading reading)
    {
        var last = _last;
        _last = new Reading(Math.Max(last.Index, reading.Index), Math.Max(last.Round, reading.Round),
            Math.Max(last.Model, reading.Model));
        return _last == reading ? null : $"What {who} says went back: {reading} after {last}.";
    }
}
