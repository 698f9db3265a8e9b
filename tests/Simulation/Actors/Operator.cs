using Google.Protobuf;
using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Actors;

/// <summary>
/// A person at a terminal: opens runs, uploads their first models, reads linearizable statuses, and sends earlier
/// updates again to two coordinators at once.
/// </summary>
internal sealed class Operator
{
    private const int Place = 90;

    private readonly SimulatedCluster _cluster;
    private readonly Machine _machine;
    private readonly ClusterConnections _connections;
    private readonly Draws _draws;
    private readonly RetryRules _rules;
    private readonly Dictionary<string, int> _newestRounds = [];

    public Operator(SimulatedCluster cluster)
    {
        _cluster = cluster;
        _machine = new Machine(cluster.World, Place, "operator", TimeSpan.Zero);
        cluster.Network.Links.Put(_machine);
        _draws = cluster.World.Stream("operator");
        _rules = new RetryRules { Jitter = () => _draws.Below(1 << 20) / (double)(1 << 20) };
        _connections = new ClusterConnections(
            [.. Enumerable.Range(0, SimulatedCluster.Nodes).Select(node => cluster.Network.Connect(_machine, node))],
            _machine.Time);
    }

    /// <summary>The file of a run's first model.</summary>
    public static string SeedOf(SimulatedCluster cluster, RunId run) => Path.Combine(cluster.Folder, $"seed-{run}.pt");

    /// <summary>Opens a run beside the first one, which is queued unless the limit was raised before.</summary>
    public async Task OpenAsync(SimulatedRun run)
    {
        bool queued = _draws.Chance(0.5);
        for (int step = 0; step < 2; step++)
            await PersistAsync(admin => (step == 0) == queued
                ? admin.OpenRunAsync(new OpenRunRequest { RunFile = run.Json }, Deadline)
                : admin.LimitRunsAsync(new LimitRunsRequest { MaxActive = 2 }, Deadline));
        await SeedAsync(run);
    }

    private async Task PersistAsync(Func<Admin.AdminClient, AsyncUnaryCall<VerdictReply>> call)
    {
        while (true)
        {
            try
            {
                var leader = await _connections.FindLeaderAsync(CancellationToken.None);
                var reply = await call((leader ?? _draws.Of(_connections.Nodes)).Admin);
                if (reply.Reason.Contains("queued behind", StringComparison.Ordinal))
                    _cluster.World.Trace.Mark("a run queued");
                if (reply.Verdict is VerdictCode.Accepted or VerdictCode.Duplicate) return;
                _cluster.Answers.Broken.Add($"The operator was refused: {reply.Reason}");
                return;
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException)
            {
                // There is no leader at the moment.
            }
            await _machine.DelayAsync(TimeSpan.FromMilliseconds(100));
        }
    }

    private CallOptions Deadline =>
        new(deadline: _machine.Time.GetUtcNow().UtcDateTime + TimeSpan.FromSeconds(2));

    /// <summary>Uploads the first model and repeats it until it is accepted.</summary>
    public async Task SeedAsync(SimulatedRun run)
    {
        string path = SeedOf(_cluster, run.Id);
        run.WriteSeedModel(path);
        byte[] bytes = File.ReadAllBytes(path);
        var header = new UploadHeader
        {
            Blob = ByteString.CopyFrom(BlobHash.Of(bytes).ToArray()), Length = bytes.Length,
            Seed = new SeedFacts { Run = run.Id.ToString() },
        };
        while (true)
        {
            try
            {
                var upload = new BlobUpload(
                    async (_, token) =>
                        (await _connections.FindLeaderAsync(token) ?? _draws.Of(_connections.Nodes)).Transfer,
                    _rules, _machine.Time);
                var reply = await upload.SendAsync(header, path, null, CancellationToken.None);
                if (reply.Verdict is VerdictCode.Accepted or VerdictCode.Duplicate) return;
            }
            catch (TransferException)
            {
                // The cluster has no leader, or the run is not open yet.
            }
            await _machine.DelayAsync(TimeSpan.FromMilliseconds(100));
        }
    }

    /// <summary>Reads the status repeatedly; no run's round must ever go back.</summary>
    public async Task WatchAsync()
    {
        while (true)
        {
            await _machine.DelayAsync(_draws.Between(20, 300));
            var known = _newestRounds.ToDictionary();
            try
            {
                var deadline = _machine.Time.GetUtcNow().UtcDateTime + TimeSpan.FromSeconds(2);
                var reply = await _draws.Of(_connections.Nodes).Federation.StatusAsync(
                    new StatusRequest { Linearizable = true }, deadline: deadline);
                if (reply.Run is null) continue;
                foreach (var run in reply.Runs)
                {
                    if (run.Round < known.GetValueOrDefault(run.Run))
                        _cluster.Answers.Broken.Add(
                            $"Round {known[run.Run]} of {run.Run} was read, and then round {run.Round}.");
                    _newestRounds[run.Run] = Math.Max(_newestRounds.GetValueOrDefault(run.Run), run.Round);
                }
                if (reply.Runs.Count(run => run.Phase < RunPhase.Finished) > 1)
                    _cluster.World.Trace.Mark("two active runs");
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException)
            {
                // Not the leader, or no majority at the moment.
            }
        }
    }

    /// <summary>Sends a trainer's newest file again, to two nodes at once.</summary>
    public async Task ResendAsync()
    {
        while (true)
        {
            await _machine.DelayAsync(_draws.Between(100, 2000));
            int trainer = _draws.Below(_cluster.Runs[0].Trainers);
            string folder = Path.Combine(_cluster.Folder, $"trainer-{trainer}", "updates");
            string? path = Directory.Exists(folder)
                ? Directory.GetFiles(folder, "*.pt").Order(StringComparer.Ordinal).LastOrDefault()
                : null;
            var run = _cluster.Trainers[trainer].Trained ?? (_cluster.Runs.Count == 1 ? _cluster.Runs[0].Id : null);
            if (path is null || run is null) continue;
            byte[] bytes = File.ReadAllBytes(path);
            if (bytes.Length == 0) continue;
            string number = Path.GetFileNameWithoutExtension(path).Split('-')[1];
            int round = int.Parse(number, System.Globalization.CultureInfo.InvariantCulture);
            string copy = Path.Combine(_cluster.Folder, "resent.pt");
            File.WriteAllBytes(copy, bytes);
            var two = _connections.Nodes.Take(2);
            await Task.WhenAll(two.Select(node => ResendAsync(node, copy, bytes, run.Value, round, trainer)));
        }
    }

    private async Task ResendAsync(
        NodeConnection node, string path, byte[] bytes, RunId run, int round, int trainer)
    {
        var known = _cluster.Coordinators[0].Log.State.Find(run)?.Trainers.GetValueOrDefault(
            TrainerId.Parse(SimulatedRun.TrainerName(trainer)));
        var header = new UploadHeader
        {
            Blob = ByteString.CopyFrom(BlobHash.Of(bytes).ToArray()), Length = bytes.Length,
            Update = new UpdateFacts
            {
                Run = run.ToString(), Round = round, Trainer = SimulatedRun.TrainerName(trainer),
                Incarnation = known?.Incarnation ?? 1, Examples = SimulatedRun.ExamplesOf(trainer),
                Metrics = { ["loss"] = 1.0 / round },
            },
        };
        try
        {
            var upload = new BlobUpload((_, _) => new(node.Transfer), _rules with { Attempts = 1 }, _machine.Time);
            var reply = await upload.SendAsync(header, path, null, CancellationToken.None);
            _cluster.World.Trace.Mark($"sent again: {reply.Verdict}");
            if (reply.Verdict is VerdictCode.Accepted or VerdictCode.Duplicate)
                _cluster.Answers.Safe.Add((run, round, trainer));
        }
        catch (TransferException)
        {
            // A follower, or a network fault.
        }
    }
}
