using System.Collections.Concurrent;
using Grpc.Core;
using Quorate.Chaos.Checking;
using Quorate.Chaos.Training;
using Quorate.Shared.Protocol;

namespace Quorate.Chaos.Processes;

/// <summary>
/// Checks promise P4: asks one node after another, all the time, how far the run is. A linearizable answer must not be
/// behind any answer that was given before the request, and a node's plain answer must not be behind an earlier one of
/// the same process.
/// </summary>
public sealed class Observer(ChaosCluster cluster) : IAsyncDisposable
{
    private const int LooksMax = 20;

    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(50);

    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<string, Monotonic> _linearizable = [];
    private Task _looking = Task.CompletedTask;
    private string _looked = "";
    private int _looks;

    public ConcurrentQueue<string> Violations { get; } = new();

    /// <summary>The updates that the leader reported as counted, for the linearizability checker.</summary>
    public ConcurrentQueue<Operation> Looks { get; } = new();

    /// <summary>Linearizable answers so far. With none, nothing was proved.</summary>
    public int Answers { get; private set; }

    public void Start() => _looking = Task.Run(async () =>
    {
        try
        {
            await LookAsync();
        }
        catch (Exception e) when (!_stop.IsCancellationRequested)
        {
            // An observer that has stopped would see no violations.
            Violations.Enqueue($"The observer ended: {e}");
        }
    });

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _looking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task LookAsync()
    {
        var plain = new Dictionary<(ProgramProcess, string), Monotonic>();
        while (!_stop.IsCancellationRequested)
        {
            foreach (var node in cluster.Connections.Nodes)
            {
                var process = cluster[node.Id];
                if (await AskAsync(node, linearizable: true) is { } exact)
                {
                    Answers++;
                    Check(Of(_linearizable, exact.Run), $"linearizable reads (node {node.Id})", exact);
                }
                // Only if the process is the same before and after is it certain which process answered.
                if (await AskAsync(node, linearizable: false) is { } own && ReferenceEquals(process, cluster[node.Id]))
                    Check(Of(plain, (process, own.Run)), $"node {node.Id}", own);
            }
            await Task.Delay(_pause, TimeProvider.System, _stop.Token);
        }
    }

    private static Monotonic Of<T>(Dictionary<T, Monotonic> readings, T key) where T : notnull =>
        readings.TryGetValue(key, out var before) ? before : readings[key] = new Monotonic();

    private async Task<Reading?> AskAsync(Shared.Cluster.NodeConnection node, bool linearizable)
    {
        var (asked, at) = (cluster.Run, TimeProvider.System.GetTimestamp());
        try
        {
            var reply = await node.Federation.StatusAsync(
                new StatusRequest { Run = asked.Name, Trail = 1, Linearizable = linearizable },
                deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(1), cancellationToken: _stop.Token);
            if (reply.Run is not { } run) return null;
            if (linearizable) Look(asked, run, at);
            return new Reading(reply.Index, run.Round, run.Trail.LastOrDefault()?.Round ?? -1) { Run = run.Run };
        }
        catch (Exception e) when (
            e is RpcException or IOException || (e is OperationCanceledException && !_stop.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <summary>
    /// Records at most <see cref="LooksMax"/> looks a round: the checker's work grows with them, and most see nothing
    /// new.
    /// </summary>
    private void Look(ChaosRun asked, RunStatus run, long at)
    {
        if (run.Phase is not RunPhase.Training) return;
        string round = $"{run.Run}/{run.Round}";
        _looks = round == _looked ? _looks + 1 : 0;
        _looked = round;
        if (_looks >= LooksMax) return;
        long now = TimeProvider.System.GetTimestamp();
        foreach (string trainer in asked.TrainerIds)
        {
            var update = run.Updates.FirstOrDefault(u => u.Trainer == trainer);
            Looks.Enqueue(new Operation($"{round}/{trainer}", "observer", at, now, OperationKind.Look,
                update is null ? null : Convert.ToHexStringLower(update.Blob.Span), Checking.Answer.Seen));
        }
    }

    private void Check(Monotonic earlier, string who, Reading reading)
    {
        if (earlier.GoesBack(who, reading, out string violation)) Violations.Enqueue(violation);
    }
}

/// <summary>How far a node says that the run is.</summary>
/// <param name="Index">Log index of the answer's state.</param>
/// <param name="Round">The round that is open or opens next.</param>
/// <param name="Model">The newest model's round; -1: none.</param>
public sealed record Reading(long Index, int Round, int Model)
{
    /// <summary>Only readings of the same run are compared.</summary>
    public string Run { get; init; } = "";
}

/// <summary>Checks that readings never go back.</summary>
public sealed class Monotonic
{
    private Reading _last = new(0, 0, -1);

    /// <summary>True if the reading goes back; then the violation is a sentence.</summary>
    public bool GoesBack(string who, Reading reading, out string violation)
    {
        var last = _last;
        _last = new Reading(Math.Max(last.Index, reading.Index), Math.Max(last.Round, reading.Round),
            Math.Max(last.Model, reading.Model)) { Run = reading.Run };
        violation = _last == reading ? "" : $"The answers of {who} went back: {reading} after {last}.";
        return violation.Length > 0;
    }
}
