using Grpc.Core;
using Grpc.Net.Client;
using Quorate.Chaos.Network;
using Quorate.Chaos.Training;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Chaos.Processes;

/// <summary>
/// Three real coordinators, each with its own directory and log file, synthetic trainers, and an observer that polls
/// all the time. It is a black box: it uses the public protocol and reads the disks of nodes that are down. The
/// directory of a failed test is kept and named.
/// </summary>
public sealed class ChaosCluster : IAsyncDisposable
{
    /// <summary>
    /// The limit of every wait in a test: far above what a loaded machine needs, so that only a hang exceeds it.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    public const int Nodes = 3;

    private readonly string[] _flags;
    private readonly string _hostsPath;
    private readonly ProgramProcess?[] _nodes = new ProgramProcess?[Nodes];
    private readonly GrpcChannel[] _channels;
    private readonly List<SyntheticTrainer> _trainers = [];
    private readonly string[] _programs;
    private bool _passed;

    private ChaosCluster(ChaosRun run, ulong? networkSeed, string programs, string[] flags)
    {
        (Run, _flags) = (run, flags);
        _programs = [.. Enumerable.Repeat(programs, Nodes)];
        Root = Directory.CreateTempSubdirectory("quorate-chaos-").FullName;
        _hostsPath = Path.Combine(Root, "hosts.json");
        Hosts = LoopbackHosts.Take(Nodes);
        File.WriteAllText(_hostsPath, Hosts.Json);
        Connections = new ClusterConnections(Hosts, TimeProvider.System);
        _channels = [.. Hosts.Nodes.Select(node => Channels.Create($"http://{node.Grpc}"))];
        if (networkSeed is { } seed) Network = new FaultyNetwork(Hosts, seed, TimeProvider.System);
        Observer = new Observer(this);
    }

    /// <summary>The newest run.</summary>
    public ChaosRun Run { get; private set; }

    public string Root { get; }
    public HostsFile Hosts { get; }
    public ClusterConnections Connections { get; }
    public Observer Observer { get; }

    /// <summary>The links between the programs; null if they are connected directly.</summary>
    public FaultyNetwork? Network { get; }

    public IReadOnlyList<SyntheticTrainer> Trainers => _trainers;

    public ProgramProcess this[int node] => _nodes[node] ?? throw new InvalidOperationException("Not started.");

    /// <summary>Starts all nodes, uploads the seed model and starts all trainers of the run.</summary>
    /// <param name="pace">Average time that a trainer trains for one update.</param>
    /// <param name="flags">More flags for every coordinator.</param>
    public static Task<ChaosCluster> StartAsync(ChaosRun run, TimeSpan pace, params string[] flags) =>
        StartAsync(run, pace, networkSeed: null, flags);

    /// <param name="networkSeed">If not null, all connections pass through <see cref="Network"/>.</param>
    public static Task<ChaosCluster> StartAsync(
        ChaosRun run, TimeSpan pace, ulong? networkSeed, params string[] flags) =>
        StartBuildAsync(ProgramProcess.Programs, run, pace, networkSeed, flags);

    /// <summary>Starts coordinators of another build.</summary>
    /// <param name="programs">The folder with the built programs, see <see cref="ProgramProcess.Programs"/>.</param>
    public static async Task<ChaosCluster> StartBuildAsync(
        string programs, ChaosRun run, TimeSpan pace, ulong? networkSeed = null, params string[] flags)
    {
        ThreadPool.SetMinThreads(64, 64); // Synthetic training blocks its thread, as real training does.
        var cluster = new ChaosCluster(run, networkSeed, programs, flags);
        bool started = false;
        try
        {
            for (int node = 0; node < Nodes; node++) cluster.Start(node);
            await cluster.OpenAsync(run, pace);
            cluster.Observer.Start();
            started = true;
            return cluster;
        }
        finally
        {
            if (!started) await cluster.DisposeAsync();
        }
    }

    /// <summary>
    /// Opens a run, once the previous one has ended, uploads its seed model, and replaces the trainers by its own.
    /// </summary>
    public async Task OpenAsync(ChaosRun run, TimeSpan pace)
    {
        await Task.WhenAll(_trainers.Select(trainer => trainer.DisposeAsync().AsTask()));
        _trainers.Clear();
        Run = run;
        Directory.CreateDirectory(Folder);
        await OpenAsync(run);
        foreach (string id in run.TrainerIds) Attend(id, pace);
    }

    /// <summary>Opens another run, and lets both be active. The trainers take part in both.</summary>
    public async Task OpenBesideAsync(ChaosRun run)
    {
        await AdministerAsync(
            (admin, options) => admin.LimitRunsAsync(new LimitRunsRequest { MaxActive = 2 }, options));
        await OpenAsync(run);
    }

    /// <summary>The minimum number of nodes that have an accepted update's bytes.</summary>
    public int UpdateCopies => _flags.Contains("leader") ? 1 : 2;

    /// <summary>The folder of the newest run's trainers.</summary>
    public string Folder => Path.Combine(Root, Run.Name);

    public string DirectoryOf(int node) => Path.Combine(Root, $"node-{node}");

    /// <summary>The file in which a node keeps a blob.</summary>
    public string BlobOf(int node, string sha256) => Path.Combine(DirectoryOf(node), "blobs", sha256[..2], sha256);

    /// <summary>Starts one more trainer.</summary>
    /// <param name="pace">Average time that it trains for one update.</param>
    public void Attend(string id, TimeSpan pace)
    {
        var trainer = new SyntheticTrainer(Run, Network?.ForTrainers ?? Hosts, id, Folder, pace);
        _trainers.Add(trainer);
        trainer.Start();
    }

    /// <param name="crashPoint">The crash point that ends it; null: none.</param>
    /// <param name="flags">More flags for this start.</param>
    public void Start(int node, string? crashPoint = null, params string[] flags)
    {
        _nodes[node]?.Dispose();
        _nodes[node] = Launch(node, _programs[node], crashPoint, flags);
    }

    /// <summary>
    /// Stops a node with SIGTERM, starts another build on its data, waits until that ends by itself, and starts the
    /// node again.
    /// </summary>
    /// <returns>The other build's exit code, and the node's whole log.</returns>
    public async Task<(int Code, string Log)> TryBuildAsync(int node, string programs)
    {
        await this[node].TerminateAsync();
        using var other = Launch(node, programs, crashPoint: null);
        int code = await other.ExitAsync();
        string log = await File.ReadAllTextAsync(DirectoryOf(node) + ".log");
        Start(node);
        return (code, log);
    }

    private ProgramProcess Launch(int node, string programs, string? crashPoint, params string[] flags) => new(
        "Coordinator", node, DirectoryOf(node) + ".log",
        ["--hosts", _hostsPath, "--run", "none", "--data", DirectoryOf(node), "--trainer", "none",
         .. Network is { } network ? ["--dial", network.DialOf(node)] : (string[])[], .. _flags, .. flags],
        crashPoint, programs);

    /// <summary>
    /// Stops a node with SIGTERM and starts it from another build on the same data, as in an upgrade. Returns its exit
    /// code.
    /// </summary>
    public async Task<int> ReplaceAsync(int node, string programs)
    {
        int code = await this[node].TerminateAsync();
        _programs[node] = programs;
        Start(node);
        return code;
    }

    public Task KillAsync(params int[] nodes) => Task.WhenAll(nodes.Select(node => this[node].KillAsync()));

    /// <summary>Waits for a leader and returns its id.</summary>
    public async Task<int> LeaderAsync() => (await UntilAsync(
        async token => await Connections.FindLeaderAsync(token), "a leader")).Id;

    /// <summary>Waits until the leader's status of the run satisfies a condition.</summary>
    public Task<RunStatus> WhenAsync(
        Func<RunStatus, bool> wanted, string what, TimeSpan? patience = null, CancellationToken token = default) =>
        UntilAsync(
        async t => (await StatusAsync(t)).Where(reply => reply is { Leader: true, Run: not null })
            .MaxBy(reply => reply!.Term) is { } newest && wanted(newest.Run)
            ? newest.Run
            : null,
        what, patience, token);

    /// <summary>The status of every node, with the whole trail; null if a node does not answer.</summary>
    public Task<StatusReply?[]> StatusAsync(CancellationToken token) =>
        Connections.StatusAsync(new StatusRequest { Run = Run.Name }, token);

    /// <summary>Waits until the run has ended on all nodes and all are at the same index.</summary>
    /// <param name="run">Its name; null: the newest.</param>
    public Task<StatusReply[]> WhenFinishedAsync(TimeSpan? patience = null, string? run = null) => UntilAsync(
        async token =>
        {
            var replies = await Connections.StatusAsync(new StatusRequest { Run = run ?? Run.Name }, token);
            return replies.All(reply => reply?.Run?.Phase.HasEnded() == true)
                && replies.Select(reply => reply!.Index).Distinct().Count() == 1
                ? (StatusReply[])replies!
                : null;
        },
        "the end of the run on every node", patience);

    /// <summary>Waits until all nodes have a quorum and are within a hundred entries of each other.</summary>
    public Task WhenCaughtUpAsync(CancellationToken token = default) => UntilAsync(
        async bound => await Connections.StatusAsync(new StatusRequest { Trail = 1 }, bound) is var replies
            && replies.All(reply => reply is { Quorum: true })
            && replies.Max(reply => reply!.Index) - replies.Min(reply => reply!.Index) < 100
            ? replies
            : null,
        "all nodes to catch up", patience: null, token);

    /// <summary>"INDEX HASH" for every command that a node has applied and still remembers.</summary>
    public async Task<IReadOnlyList<string>> ChainAsync(int node)
    {
        using var bound = new CancellationTokenSource(Patience);
        var peers = new PeersClient(_channels[node].CreateCallInvoker());
        var chain = new List<string>();
        for (long from = 1; ;)
        {
            using var call = peers.Hello(new HelloRequest { Node = -1, ChainFrom = from }, bound.Token);
            var links = (await call.ResponseAsync).Chain;
            if (links.Count == 0) return chain;
            chain.AddRange(links.Select(link => $"{link.Index} {Convert.ToHexStringLower(link.Hash.Span)}"));
            from = links[^1].Index + 1;
        }
    }

    /// <summary>
    /// The SHA-256 of what one node sends for a blob; null if it sends nothing or stops. The bytes are hashed as they
    /// arrive, without the client's retries and checks.
    /// </summary>
    public async Task<string?> DownloadAsync(int node, string sha256)
    {
        using var bound = new CancellationTokenSource(Patience);
        var blob = BlobHash.FromBytes(Convert.FromHexString(sha256));
        try
        {
            var (sent, hash) = await BlobProbe.ReadAsync(Connections.Nodes[node].Transfer, blob, bound.Token);
            return sent ? hash.ToString() : null;
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"Node {node} stopped sending blob {sha256} for {Patience}; see {Root}.", e);
        }
    }

    /// <summary>Calls <paramref name="look"/> until it returns a value other than null.</summary>
    public async Task<T> UntilAsync<T>(
        Func<CancellationToken, Task<T?>> look, string what, TimeSpan? patience = null,
        CancellationToken token = default) where T : class
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
        bound.CancelAfter(patience ?? Patience);
        while (!bound.IsCancellationRequested)
        {
            foreach (var node in _nodes)
                if (node?.OwnExit is { } code)
                    throw new ProgramEndedException($"Node {node.Id} ended with exit code {code}; see {Root}.");
            foreach (var trainer in _trainers)
                if (trainer.Fault is { } fault) throw new ProgramEndedException($"{fault}; see {Root}.");
            try
            {
                if (await look(bound.Token) is { } found) return found;
            }
            catch (OperationCanceledException) when (bound.IsCancellationRequested)
            {
                break;
            }
            await PauseAsync(TimeSpan.FromMilliseconds(20));
        }
        token.ThrowIfCancellationRequested();
        throw new TimeoutException(
            $"Waited {(patience ?? Patience).TotalSeconds} s in vain for {what}; data and logs are in {Root}.");
    }

    /// <summary>The next answer that an update is safe, from any node except one.</summary>
    /// <param name="after">In <see cref="TimeProvider.GetTimestamp"/> units.</param>
    public Task<SafeAnswer> NextSafeAsync(
        long after, int exceptBy = -1, CancellationToken token = default) => UntilAsync(
        _ => Task.FromResult(_trainers.SelectMany(trainer => trainer.Record.Safe)
            .Where(answer => answer.At > after && answer.Node != exceptBy).MinBy(answer => answer.At)),
        "the next accepted update", patience: null, token);

    public static Task PauseAsync(TimeSpan pause) => Task.Delay(pause, TimeProvider.System, CancellationToken.None);

    /// <summary>The test has passed: its files are deleted.</summary>
    public void Passed() => _passed = true;

    public async ValueTask DisposeAsync()
    {
        await Observer.DisposeAsync();
        await Task.WhenAll(_trainers.Select(trainer => trainer.DisposeAsync().AsTask()));
        foreach (var node in _nodes) node?.Dispose();
        if (Network is not null) await Network.DisposeAsync();
        foreach (var channel in _channels) channel.Dispose();
        Connections.Dispose();
        bool keep = Environment.GetEnvironmentVariable("QUORATE_CHAOS_KEEP") is not null;
        if (_passed && !keep) Directory.Delete(Root, recursive: true);
    }

    private async Task OpenAsync(ChaosRun run)
    {
        await AdministerAsync(
            (admin, options) => admin.OpenRunAsync(new OpenRunRequest { RunFile = run.Json }, options));
        string path = Path.Combine(Root, $"{run.Name}.pt");
        run.WriteSeedModel(path);
        using var bound = new CancellationTokenSource(Patience);
        var reply = await SeedUpload.SendAsync(Connections, run.Name, path, TimeProvider.System, bound.Token);
        if (reply.Verdict is not (VerdictCode.Accepted or VerdictCode.Duplicate))
            throw new TransferException($"The seed model was not accepted: {reply.Reason}");
    }

    /// <summary>Asks the leader until it answers.</summary>
    public Task<VerdictReply> AdministerAsync(
        Func<Admin.AdminClient, CallOptions, AsyncUnaryCall<VerdictReply>> call, CancellationToken token = default) =>
        UntilAsync(
        async bound =>
        {
            try
            {
                var options = new CallOptions(
                    deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(5), cancellationToken: bound);
                return await Connections.FindLeaderAsync(bound) is { } leader
                    ? await call(leader.Admin, options)
                    : null;
            }
            catch (Exception e) when (
                e is RpcException || (e is OperationCanceledException && !bound.IsCancellationRequested))
            {
                return null;
            }
        },
        "a leader that answers", patience: null, token);
}

/// <summary>A coordinator or a trainer ended by itself.</summary>
public sealed class ProgramEndedException(string message) : Exception(message);
