using Quorate.Shared.Cluster;

namespace Quorate.ChaosTests.Crashes;

/// <summary>
/// One short run with three real coordinators and two real trainers with torch. A process that dies at its crash point
/// is started again, the first trainer with its next point.
/// </summary>
internal sealed class RealTrainers : IDisposable
{
    private const int Trainers = 2;

    /// <summary>Torch is started up to five times and needs seconds each time, on two cores that may be busy.</summary>
    private static readonly TimeSpan _patience = 3 * ChaosCluster.Patience;

    private readonly string _root = Directory.CreateTempSubdirectory("quorate-chaos-").FullName;
    private readonly ProgramProcess[] _nodes, _trainers;
    private readonly Queue<string> _points;
    private readonly ClusterConnections _connections;
    private readonly string _hosts, _run;
    private bool _passed;

    /// <param name="leaderPoint">The crash point of every coordinator; null: none.</param>
    /// <param name="trainerPoints">The crash points of the first trainer, in order.</param>
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

    /// <summary>The crash points reached so far.</summary>
    public List<string> Deaths { get; } = [];

    // The checkout's data, seen from artifacts/bin/ChaosTests/release.
    private static string Images => Path.GetFullPath("../../../../data/mnist", AppContext.BaseDirectory);

    /// <summary>The final model's SHA-256, the same on every node.</summary>
    public async Task<string> FinalModelAsync()
    {
        using var bound = new CancellationTokenSource(_patience);
        while (!bound.IsCancellationRequested)
        {
            for (int id = 0; id < _nodes.Length; id++)
                if (Crashed(_nodes[id])) _nodes[id] = Replace(_nodes[id], StartNode(id, null));
            for (int id = 0; id < _trainers.Length; id++)
                if (Crashed(_trainers[id])) _trainers[id] = Replace(_trainers[id], StartTrainer(id, NextPoint()));
            var replies = await _connections.StatusAsync(new StatusRequest(), CancellationToken.None);
            if (replies.All(reply => reply?.Run?.Phase == RunPhase.Finished))
                return Assert.Single(replies.Select(reply => History.Of(reply!).FinalModel).Distinct());
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(50));
        }
        throw new TimeoutException($"The run did not end within {_patience}; see {_root}.");
    }

    /// <summary>The test has passed: its files are deleted.</summary>
    public void Passed() => _passed = true;

    public void Dispose()
    {
        foreach (var process in _nodes.Concat(_trainers)) process.Dispose();
        _connections.Dispose();
        if (_passed) Directory.Delete(_root, recursive: true);
    }

    /// <exception cref="ProgramEndedException">It ended, but not at its crash point.</exception>
    private bool Crashed(ProgramProcess process) => process.OwnExit is { } code
        ? throw new ProgramEndedException($"A program ended with exit code {code}; see {_root}.")
        : process.Crashed;

    private ProgramProcess Replace(ProgramProcess dead, ProgramProcess next)
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
