using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Quorate.Chaos.Network;
using Quorate.Chaos.Training;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Chaos.Processes;

/// <summary>
/// Three real coordinators, each with a directory and a log file of its own, synthetic trainers, and an observer that
/// never stops looking. Black box: what it knows it asked by the public protocol, or read from the disks of nodes that
/// are down. The directory of a test that failed is kept and named.
/// </summary>
public sealed class ChaosCluster : IAsyncDisposable
{
    /// <summary>
    /// Bound of everything a test waits for: far above what a loaded machine needs, so that only a hang meets it.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    public const int Nodes = 3;

    private readonly string[] _flags;
    private readonly string _hostsPath;
    private readonly ProgramProcess?[] _nodes = new ProgramProcess?[Nodes];
    private readonly GrpcChannel[] _channels;
    private readonly List<SyntheticTrainer> _trainers = [];
    private bool _passed;

    private ChaosCluster(ChaosRun run, ulong? networkSeed, string[] flags)
    {
        (Run, _flags) = (run, flags);
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

    /// <summary>The wires between the programs; null where they talk to each other directly.</summary>
    public FaultyNetwork? Network { get; }

    public IReadOnlyList<SyntheticTrainer> Trainers => _trainers;

    public ProgramProcess this[int node] => _nodes[node] ?? throw new InvalidOperationException("Not started.");

    /// <summary>Starts all nodes, uploads the seed model and starts all of the run's trainers.</summary>
    /// <param name="pace">About how long a trainer trains.</param>
    /// <param name="flags">More flags for every coordinator.</param>
    public static Task<ChaosCluster> StartAsync(ChaosRun run, TimeSpan pace, params string[] flags) =>
        StartAsync(run, pace, networkSeed: null, flags);

    /// <param name="networkSeed">Where given, all wires are <see cref="Network"/>'s.</param>
    public static async Task<ChaosCluster> StartAsync(
        ChaosRun run, TimeSpan pace, ulong? networkSeed, params string[] flags)
    {
        ThreadPool.SetMinThreads(64, 64); // A synthetic training blocks its thread, as a real one does.
        var cluster = new ChaosCluster(run, networkSeed, flags);
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
    /// Opens a run (after the first one's end), uploads its seed model and starts its trainers; the last run's go.
    /// </summary>
    public async Task OpenAsync(ChaosRun run, TimeSpan pace)
    {
        await Task.WhenAll(_trainers.Select(trainer => trainer.DisposeAsync().AsTask()));
        _trainers.Clear();
        Run = run;
        Directory.CreateDirectory(Folder);
        await UntilAsync(OpenedAsync, "a leader that opens the run");
        await UploadSeedAsync();
        foreach (string id in run.TrainerIds) Attend(id, pace);
    }

    /// <summary>Nodes that have an update's bytes, at least, once it was accepted.</summary>
    public int UpdateCopies => _flags.Contains("leader") ? 1 : 2;

    /// <summary>What belongs to the newest run: its trainers' files.</summary>
    public string Folder => Path.Combine(Root, Run.Name);

    public string DirectoryOf(int node) => Path.Combine(Root, $"node-{node}");

    /// <summary>Where a node keeps a blob.</summary>
    public string BlobOf(int node, string sha256) => Path.Combine(DirectoryOf(node), "blobs", sha256[..2], sha256);

    /// <summary>Starts one more trainer.</summary>
    /// <param name="pace">About how long it trains.</param>
    public void Attend(string id, TimeSpan pace)
    {
        var trainer = new SyntheticTrainer(Run, Network?.ForTrainers ?? Hosts, id, Folder, pace);
        _trainers.Add(trainer);
        trainer.Start();
    }

    /// <param name="crashPoint">Where it shall die by itself; null: nowhere.</param>
    /// <param name="flags">More flags for this start.</param>
    public void Start(int node, string? crashPoint = null, params string[] flags)
    {
        _nodes[node]?.Dispose();
        _nodes[node] = new ProgramProcess("Coordinator", node, DirectoryOf(node) + ".log",
            ["--hosts", _hostsPath, "--run", "none", "--data", DirectoryOf(node), "--trainer", "none",
             .. Network is { } network ? ["--dial", network.DialOf(node)] : (string[])[], .. _flags, .. flags],
            crashPoint);
    }

    public Task KillAsync(params int[] nodes) => Task.WhenAll(nodes.Select(node => this[node].KillAsync()));

    /// <summary>The node that leads now, waited for.</summary>
    public async Task<int> LeaderAsync() => (await UntilAsync(
        async token => await Connections.FindLeaderAsync(token), "a leader")).Id;

    /// <summary>A status of the leader, once it is as wanted.</summary>
    public Task<RunStatus> WhenAsync(
        Func<RunStatus, bool> wanted, string what, TimeSpan? patience = null, CancellationToken token = default) =>
        UntilAsync(
        async t => (await StatusAsync(t)).Where(reply => reply is { Leader: true, Run: not null })
            .MaxBy(reply => reply!.Term) is { } newest && wanted(newest.Run)
            ? newest.Run
            : null,
        what, patience, token);

    /// <summary>Every node's status with the whole trail; null where one does not answer.</summary>
    public Task<StatusReply?[]> StatusAsync(CancellationToken token) =>
        Connections.StatusAsync(new StatusRequest { Run = Run.Name }, token);

    /// <summary>Every node's status, once the run has ended on all of them and they stand at one index.</summary>
    public Task<StatusReply[]> WhenFinishedAsync(TimeSpan? patience = null) => UntilAsync(
        async token =>
        {
            var replies = await StatusAsync(token);
            return replies.All(reply => reply?.Run?.Phase >= RunPhase.Finished)
                && replies.Select(reply => reply!.Index).Distinct().Count() == 1
                ? (StatusReply[])replies!
                : null;
        },
        "the end of the run on every node", patience);

    /// <summary>"INDEX HASH" for every command a node has applied and still remembers.</summary>
    public async Task<IReadOnlyList<string>> ChainAsync(int node)
    {
        using var bound = new CancellationTokenSource(Patience);
        var peers = new PeersClient(_channels[node].CreateCallInvoker());
        using var call = peers.Hello(new HelloRequest { Node = -1, ChainFrom = 1 }, bound.Token);
        var reply = await call.ResponseAsync;
        return [.. reply.Chain.Select(link => $"{link.Index} {Convert.ToHexStringLower(link.Hash.Span)}")];
    }

    /// <summary>
    /// The SHA-256 of what one node gives for a blob; null where it gives none, or breaks off. No retries and no checks
    /// of the client between: what comes is what is hashed.
    /// </summary>
    public async Task<string?> DownloadAsync(int node, string sha256)
    {
        using var bound = new CancellationTokenSource(Patience);
        var request = new DownloadRequest { Blob = ByteString.CopyFrom(Convert.FromHexString(sha256)) };
        using var call = Connections.Nodes[node].Transfer.Download(request, bound.Token);
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            while (await call.ResponseStream.MoveNext(bound.Token))
                using (var part = call.ResponseStream.Current) sha.AppendData(part.Data.Span);
        }
        catch (Exception e) when (e is RpcException or IOException or OperationCanceledException)
        {
            if (bound.IsCancellationRequested)
                throw new TimeoutException($"Node {node} stopped sending blob {sha256} for {Patience}; see {Root}.", e);
            return null; // Not held, damaged, down, or the connection just broke, which comes as a cancellation.
        }
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    /// <summary>What <paramref name="look"/> finds, asked for again and again; null: not yet.</summary>
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
        throw new TimeoutException($"No sign of {what} within {(patience ?? Patience).TotalSeconds} s; see {Root}.");
    }

    /// <summary>The next time that a trainer hears that its update is safe, from another node than this.</summary>
    /// <param name="after">In <see cref="TimeProvider.GetTimestamp"/> units.</param>
    public Task<SafeAnswer> NextSafeAsync(long after, int exceptBy, CancellationToken token = default) => UntilAsync(
        _ => Task.FromResult(_trainers.SelectMany(trainer => trainer.Record.Safe)
            .Where(answer => answer.At > after && answer.Node != exceptBy).MinBy(answer => answer.At)),
        "the next accepted update", patience: null, token);

    public static Task PauseAsync(TimeSpan pause) => Task.Delay(pause, TimeProvider.System, CancellationToken.None);

    /// <summary>The test has passed: nothing of it is kept.</summary>
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

    /// <summary>Null: no leader answered.</summary>
    private async Task<VerdictReply?> OpenedAsync(CancellationToken token)
    {
        try
        {
            return await Connections.FindLeaderAsync(token) is { } leader
                ? await leader.Federation.OpenRunAsync(
                    new OpenRunRequest { RunFile = Run.Json },
                    deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(5), cancellationToken: token)
                : null;
        }
        catch (Exception e) when (
            e is RpcException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            return null;
        }
    }

    private async Task UploadSeedAsync()
    {
        string path = Path.Combine(Folder, "seed.pt");
        Run.WriteSeedModel(path);
        await WhenAsync(run => run.Phase == RunPhase.Preparing, "the run");
        var header = new UploadHeader
        {
            Blob = ByteString.CopyFrom(SHA256.HashData(await File.ReadAllBytesAsync(path))),
            Length = new FileInfo(path).Length, Seed = new SeedFacts { Run = Run.Name },
        };
        var upload = new BlobUpload(
            async (_, token) => await Connections.FindLeaderAsync(token) is { } leader
                ? leader.Transfer
                : throw new TimeoutException("No node leads."),
            new RetryRules { Attempts = 30 }, TimeProvider.System);
        using var bound = new CancellationTokenSource(Patience);
        var reply = await upload.SendAsync(header, path, null, bound.Token);
        if (reply.Verdict is not (VerdictCode.Accepted or VerdictCode.Duplicate))
            throw new TransferException($"The seed model was not accepted: {reply.Reason}");
    }
}

/// <summary>A coordinator or a trainer ended although nobody ended it, which none may.</summary>
public sealed class ProgramEndedException(string message) : Exception(message);
