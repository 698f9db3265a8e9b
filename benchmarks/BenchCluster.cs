using Grpc.Core;
using Quorate.Chaos.Processes;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Benchmarks;

/// <summary>Three real coordinators on this machine, each with its own directory and log, and one run.</summary>
internal sealed class BenchCluster : IDisposable
{
    public static readonly string Bin = Path.GetFullPath("../..", AppContext.BaseDirectory.TrimEnd('/'));
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(100);

    private readonly string _folder;
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly List<BenchProcess> _clients = [];

    private BenchCluster(string folder, HostsFile hosts, TimeProvider time, IReadOnlyList<BenchProcess> coordinators)
    {
        (_folder, _time, Hosts, Coordinators) = (folder, time, hosts, coordinators);
        _started = time.GetTimestamp();
        Connections = new ClusterConnections(hosts, time);
    }

    public HostsFile Hosts { get; }
    public ClusterConnections Connections { get; }

    /// <summary>In the order of the hosts file.</summary>
    public IReadOnlyList<BenchProcess> Coordinators { get; }

    /// <summary>Processes of trainers, started later.</summary>
    public IReadOnlyList<BenchProcess> Clients => _clients;

    /// <summary>Milliseconds since the processes were started.</summary>
    public double AgeMs => _time.GetElapsedTime(_started).TotalMilliseconds;

    private string HostsPath => Path.Combine(_folder, "hosts.json");

    /// <summary>
    /// A folder in artifacts for the files of one command. The command deletes it unless --keep is given.
    /// </summary>
    public static string NewFolder() =>
        Directory.CreateDirectory(Path.Combine(Bin, "..", "bench", $"{Environment.ProcessId}")).FullName;

    /// <param name="folder">An empty folder for directories, logs and settings.</param>
    /// <param name="run">The run file.</param>
    /// <param name="flags">More flags for every coordinator.</param>
    public static BenchCluster Start(string folder, string run, TimeProvider time, params IEnumerable<string> flags)
    {
        var hosts = LoopbackHosts.Take(3);
        string hostsPath = Path.Combine(folder, "hosts.json"), runPath = Path.Combine(folder, "run.json");
        File.WriteAllText(hostsPath, hosts.Json);
        File.WriteAllText(runPath, run);
        string[] more = [.. flags];
        return new BenchCluster(folder, hosts, time, [.. hosts.Nodes.Select(node => BenchProcess.Start(
            $"node {node.Id}", Path.Combine(folder, $"node-{node.Id}.log"),
            Path.Combine(Bin, "Coordinator", "release", "Quorate.Coordinator.dll"),
            ["--id", $"{node.Id}", "--hosts", hostsPath, "--run", runPath,
                "--data", Path.Combine(folder, $"node-{node.Id}"), "--trainer", "none", .. more]))]);
    }

    /// <summary>Starts this program as a process of trainers.</summary>
    /// <returns>The file with its output.</returns>
    public string StartClient(string command, string name, params IEnumerable<string> arguments)
    {
        string log = Path.Combine(_folder, $"{name}.log");
        _clients.Add(BenchProcess.Start(
            name, log, typeof(BenchCluster).Assembly.Location, [command, "--hosts", HostsPath, .. arguments]));
        return log;
    }

    /// <summary>Waits for a leader with an open run.</summary>
    public async Task<NodeConnection> LeaderAsync(CancellationToken token)
    {
        while (true)
        {
            if (await Connections.FindLeaderAsync(token) is { } leader
                && (await Connections.StatusAsync(new StatusRequest { Trail = 1 }, token))
                    .Any(reply => reply?.Node == leader.Id && reply.Run is not null))
                return leader;
            if (Coordinators.FirstOrDefault(p => p.HasExited) is { } dead)
                throw new InvalidOperationException($"{dead.Name} ended by itself; see its log (--keep).");
            await Task.Delay(_pause, _time, token);
        }
    }

    /// <summary>The highest term of any node. Each election increases it.</summary>
    public async Task<long> TermAsync(CancellationToken token)
    {
        return (await Task.WhenAll(Connections.Nodes.Select(AskAsync))).Max();

        async Task<long> AskAsync(NodeConnection node)
        {
            try
            {
                return (await node.Federation.WhoLeadsAsync(new WhoLeadsRequest(), cancellationToken: token)).Term;
            }
            catch (Exception e) when (e is RpcException or IOException)
            {
                return 0; // The other nodes know the term.
            }
        }
    }

    /// <summary>Uploads the run's first model. On a busy machine, the leader may change in the meantime.</summary>
    public async Task SeedAsync(Payload payload, CancellationToken token)
    {
        string path = Path.Combine(_folder, "seed.pt");
        payload.WriteModel(path);
        var reply = await SeedUpload.SendAsync(Connections, "bench", path, _time, token);
        if (reply.Verdict is not (VerdictCode.Accepted or VerdictCode.Duplicate))
            throw new InvalidOperationException($"The seed model was refused: {reply.Reason}");
        File.Delete(path);
    }

    public void Dispose()
    {
        foreach (var process in _clients.Concat(Coordinators)) process.Dispose();
        Connections.Dispose();
    }
}
