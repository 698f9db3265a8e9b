using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Google.Protobuf;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Benchmarks;

/// <summary>
/// The round benchmark: three coordinators and N trainers as processes of this machine, no-op rounds one after the
/// other. Round time is from the announcement of a round to that of the next, which the same commit opens.
/// </summary>
internal sealed class RoundBench(RoundPlan plan, bool keep, TimeProvider time)
{
    private static readonly string Bin = Path.GetFullPath("../..", AppContext.BaseDirectory.TrimEnd('/'));
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    public async Task<RoundReport> RunAsync(CancellationToken token)
    {
        string folder = Path.Combine(Bin, "..", "bench", $"{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        try
        {
            var floors = await Floors.MeasureAsync(folder, plan.Payload.Bytes, time, token);
            return await RunAsync(folder, floors, token);
        }
        finally
        {
            if (!keep) Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<RoundReport> RunAsync(string folder, Floors floors, CancellationToken token)
    {
        var hosts = HostsFile.Parse(HostsJson());
        string hostsPath = Path.Combine(folder, "hosts.json"), runPath = Path.Combine(folder, "run.json");
        await File.WriteAllTextAsync(hostsPath, hosts.Json, token);
        await File.WriteAllTextAsync(runPath, RunJson(), token);
        using var cluster = new ClusterConnections(hosts, time);
        var processes = new List<BenchProcess>();
        try
        {
            long started = time.GetTimestamp();
            foreach (var node in hosts.Nodes) processes.Add(StartNode(folder, node.Id, hostsPath, runPath));
            var leader = await LeaderAsync(cluster, processes, token);
            double readyMs = time.GetElapsedTime(started).TotalMilliseconds;
            var coordinators = processes.ToList();
            await SeedAsync(folder, leader, token);

            for (int p = 0; p < plan.Processes; p++) processes.Add(StartTrainers(folder, p, hostsPath));
            var figures = new RoundFigures(plan, floors, readyMs, [.. hosts.Nodes.Select(node => node.Id)], leader.Id);
            var watch = new RoundWatch(cluster, time);
            await watch.FollowAsync(plan.RoundsInAll, round =>
            {
                // The counters run over the measured rounds alone.
                var trainers = processes[coordinators.Count..];
                if (round == plan.WarmUp + 1) figures.Begin(coordinators, trainers);
                if (round == plan.RoundsInAll + 1) figures.End(coordinators, trainers);
            }, token);
            var accepted = ReadAccepted(folder);
            return new RoundReport(figures, watch, accepted, time.TimestampFrequency);
        }
        finally
        {
            foreach (var process in processes) process.Dispose();
        }
    }

    private async Task<NodeConnection> LeaderAsync(
        ClusterConnections cluster, IReadOnlyList<BenchProcess> processes, CancellationToken token)
    {
        while (true)
        {
            if (await cluster.FindLeaderAsync(token) is { } leader
                && (await leader.Federation.StatusAsync(new StatusRequest { Trail = 1 }, cancellationToken: token)).Run
                    is not null)
                return leader;
            if (processes.FirstOrDefault(p => p.HasExited) is { } dead)
                throw new InvalidOperationException($"{dead.Name} ended by itself; its log says why (--keep).");
            await Task.Delay(Pause, time, token);
        }
    }

    private async Task SeedAsync(string folder, NodeConnection leader, CancellationToken token)
    {
        string path = Path.Combine(folder, "seed.pt");
        plan.Payload.WriteModel(path);
        await using var file = File.OpenRead(path);
        var header = new UploadHeader
        {
            Blob = ByteString.CopyFrom(await SHA256.HashDataAsync(file, token)), Length = file.Length,
            Seed = new SeedFacts { Run = "bench" },
        };
        var reply = await new BlobUpload((_, _) => new(leader.Transfer), new RetryRules(), time)
            .SendAsync(header, path, null, token);
        if (reply.Verdict is not Verdict.Accepted)
            throw new InvalidOperationException($"The seed model was refused: {reply.Reason}");
    }

    /// <summary>
    /// Blobs that nothing names any more are deleted during the run only where they would fill the disk: a file system
    /// that is deleting is slow at creating.
    /// </summary>
    private string CollectAfter =>
        plan.Payload.Bytes * plan.Trainers * plan.RoundsInAll * 3 > 8_000_000_000 ? "20" : "600";

    private BenchProcess StartNode(string folder, int id, string hosts, string run) => BenchProcess.Start(
        $"node {id}", Path.Combine(folder, $"node-{id}.log"),
        Path.Combine(Bin, "Coordinator", "release", "Quorate.Coordinator.dll"),
        "--id", $"{id}", "--hosts", hosts, "--run", run, "--data", Path.Combine(folder, $"node-{id}"),
        "--trainer", "none", "--collect-after-seconds", CollectAfter);

    private BenchProcess StartTrainers(string folder, int process, string hosts) => BenchProcess.Start(
        $"trainers {process}", Path.Combine(folder, $"trainers-{process}.log"), typeof(RoundBench).Assembly.Location,
        ["trainers", "--hosts", hosts, "--work", Path.Combine(folder, "work"), "--ids",
            .. Enumerable.Range(0, plan.Trainers).Where(id => id % plan.Processes == process).Select(id => $"{id}")]);

    private IReadOnlyList<AcceptedUpdate> ReadAccepted(string folder) =>
        [.. Enumerable.Range(0, plan.Processes).SelectMany(
            p => File.ReadLines(Path.Combine(folder, $"trainers-{p}.log"))).Select(AcceptedUpdate.Parse)];

    private string RunJson() =>
        $$"""
        {
          "name": "bench", "rounds": {{plan.RoundsInAll}}, "minTrainers": {{plan.Trainers}},
          "minResults": {{plan.Trainers}}, "deadlineSeconds": 600, "keepUpdateRounds": 0, "keepModels": 2, "seed": 1
        }
        """;

    private static string HostsJson()
    {
        int[] ports = FreePorts(6);
        var nodes = Enumerable.Range(0, 3).Select(id =>
            $$"""
            { "id": {{id}}, "raft": "127.0.0.1:{{ports[2 * id]}}", "grpc": "127.0.0.1:{{ports[(2 * id) + 1]}}" }
            """);
        return $$"""{ "nodes": [ {{string.Join(", ", nodes)}} ] }""";
    }

    /// <summary>Ports that were free a moment ago.</summary>
    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        foreach (var listener in listeners) listener.Start();
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (var listener in listeners) listener.Dispose();
        return ports;
    }
}

/// <summary>
/// When one trainer had the model, had its update, and had it accepted; ticks of the monotonic clock.
/// </summary>
internal sealed record AcceptedUpdate(int Round, long Downloaded, long Trained, long Accepted)
{
    /// <summary>Reads a line of <see cref="TrainersCommand"/>.</summary>
    public static AcceptedUpdate Parse(string line)
    {
        long[] numbers = [.. line.Split(' ').Select(word => long.Parse(word, CultureInfo.InvariantCulture))];
        return new AcceptedUpdate((int)numbers[1], numbers[2], numbers[3], numbers[4]);
    }
}
