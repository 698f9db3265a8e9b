using Quorate.Chaos.Checking;
using Quorate.Chaos.Processes;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;

namespace Quorate.ChaosTests.Crashes;

/// <summary>
/// Three real coordinators and two real trainers, torch and all, through one short run. Whoever dies at a crash point
/// is started again, the first trainer with its next point.
/// </summary>
internal sealed class RealTrainers : IDisposable
{
    private const int Trainers = 2;

    /// <summary>A start of torch takes seconds; there are up to five, on two cores that may have other work.</summary>
    private static readonly TimeSpan Patience = 3 * ChaosCluster.Patience;

    private readonly string _root = Directory.CreateTempSubdirectory("quorate-chaos-").FullName;
    private readonly ProgramProcess[] _nodes, _trainers;
    private readonly Queue<string> _points;
    private readonly ClusterConnections _connections;
    private readonly string _hosts, _run;
    private bool _passed;

    /// <param name="leaderPoint">Where a leader shall die; null: nowhere.</param>
    /// <param name="trainerPoints">Where the first trainer shall die, in this order.</param>
    public RealTrainers(string? leaderPoint, IEnumerable<string> trainerPoints)
    {
        var hosts = LoopbackHosts.Take(ChaosCluster.Nodes);
        (_hosts, _run) = (Path.Combine(_root, "hosts.json"), Path.Combine(_root, "run.json"));
        File.WriteAllText(_hosts, hosts.Json);
        File.WriteAllText(_run, $$"""
            {
              "name": "crashes", "rounds": 4, "minTrainers": {{Trainers}}, "seed": 1,
              "training": {
                "model": "logistic",
                "data": { "set": "mnist", "path": "{{Images}}", "shards": {{Trainers}}, "shardExamples": 256 },
                "local": { "steps": 2 }, "batch": 32, "optimiser": { "name": "sgd", "learningRate": 0.1 }
              }
            }
            """);
        _points = new Queue<string>(trainerPoints);
        _connections = new ClusterConnections(hosts, TimeProvider.System);
        _nodes = [.. Enumerable.Range(0, ChaosCluster.Nodes).Select(id => StartNode(id, leaderPoint))];
        _trainers = [.. Enumerable.Range(0, Trainers).Select(id => StartTrainer(id, id == 0 ? NextPoint() : null))];
    }

    /// <summary>Every death at a point so far.</summary>
    public List<string> Deaths { get; } = [];

    // This checkout's, from artifacts/bin/ChaosTests/release.
    private static string Images => Path.GetFullPath("../../../../data/mnist", AppContext.BaseDirectory);

    /// <summary>The final model's SHA-256, the same on every node.</summary>
    public async Task<string> FinalModelAsync()
    {
        using var bound = new CancellationTokenSource(Patience);
        while (!bound.IsCancellationRequested)
        {
            for (int id = 0; id < _nodes.Length; id++)
                if (Died(_nodes[id])) _nodes[id] = Again(_nodes[id], StartNode(id, null));
            for (int id = 0; id < _trainers.Length; id++)
                if (Died(_trainers[id])) _trainers[id] = Again(_trainers[id], StartTrainer(id, NextPoint()));
            var replies = await _connections.StatusAsync(new StatusRequest(), CancellationToken.None);
            if (replies.All(reply => reply?.Run?.Phase == RunPhase.Finished))
                return Assert.Single(replies.Select(reply => History.Of(reply!).FinalModel).Distinct());
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(50));
        }
        throw new TimeoutException($"The run did not end within {Patience}; see {_root}.");
    }

    /// <summary>The test has passed: nothing of it is kept.</summary>
    public void Passed() => _passed = true;

    public void Dispose()
    {
        foreach (var process in _nodes.Concat(_trainers)) process.Dispose();
        _connections.Dispose();
        if (_passed) Directory.Delete(_root, recursive: true);
    }

    private bool Died(ProgramProcess process) => process.OwnExit is { } code
        ? throw new ProgramEndedException($"A program ended with exit code {code}; see {_root}.")
        : process.Crashed;

    private ProgramProcess Again(ProgramProcess dead, ProgramProcess next)
    {
        Deaths.Add(dead.CrashPoint!);
        dead.Dispose();
        return next;
    }

    private string? NextPoint() => _points.TryDequeue(out string? point) ? point : null;

    private ProgramProcess StartNode(int id, string? point) => new(
        "Coordinator", id, Path.Combine(_root, $"node-{id}.log"),
        ["--hosts", _hosts, "--run", _run, "--data", Path.Combine(_root, $"node-{id}")], point);

    private ProgramProcess StartTrainer(int id, string? point) => new(
        "Trainer", id, Path.Combine(_root, $"trainer-{id}.log"),
        ["--hosts", _hosts, "--work", Path.Combine(_root, $"trainer-{id}")], point);
}
