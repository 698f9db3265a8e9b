using System.Globalization;
using System.Net;
using System.Net.Sockets;
using DotNext.IO.Log;
using DotNext.Net.Cluster;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.Membership;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using DotNext.Threading;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>The library's parts, opened in the only safe order and closed in reverse.</summary>
internal sealed class RaftNode : IAsyncDisposable
{
    /// <summary>
    /// Bytes of one log file; fixed for an existing log. The library's default of 4 KiB would make thousands of files.
    /// </summary>
    private const int ChunkBytes = 1 << 20;

    private RaftNode(ReplicatedState state, WriteAheadLog wal, RaftCluster cluster)
    {
        State = state;
        Wal = wal;
        Cluster = cluster;
    }

    public ReplicatedState State { get; }
    public WriteAheadLog Wal { get; }
    public RaftCluster Cluster { get; }

    /// <summary>Opens the snapshot and the log; the node does not vote yet.</summary>
    public static async Task<RaftNode> OpenAsync(
        ConsensusOptions options, ILoggerFactory loggers, TimeProvider time, FailStop failStop, bool durable,
        CancellationToken token)
    {
        var snapshots = new DirectoryInfo(Path.Combine(options.Directory, "snapshots"));
        string wal = WalDirectory(options);
        DurableDirectory.Create(snapshots.FullName);
        DurableDirectory.Create(wal);
        var logger = loggers.CreateLogger<ReplicatedLog>();
        foreach (string file in SnapshotFile.PurgeBroken(snapshots)) logger.SnapshotPurged(file);

        // Invariant: state, its restoration, log, cluster, in this order. The log starts at the restored state's index;
        // without a restored state it replays from the start, or fails.
        var state = new ReplicatedState(snapshots, options.SnapshotEvery, failStop);
        try
        {
            await state.RestoreAsync(token);
        }
        catch (UnsupportedFormatException e)
        {
            throw Unsupported(options, e);
        }
        catch (InvalidDataException e)
        {
            throw new LogDamagedException($"{e.Message} Node {options.Node} cannot start from {snapshots.FullName}.",
                e);
        }
        if (!durable) state.StartApplying();
        var log = OpenLog(wal, state, durable, options);
        var listen = options.Listen ?? await options.Names.ListenAtAsync(Own(options).Raft, token);
        var introductions = new Introductions(options, () => ClusterOf(state), logger);
        var configuration = Configure(
            options, listen, new RaftListener(listen, introductions, time),
            new RaftDialler(options, introductions, logger, time), new QuietLoggers(loggers, time));
        var cluster = new RaftCluster(configuration) { AuditTrail = log };
        return new RaftNode(state, log, cluster);
    }

    /// <summary>Verifies the log, applies the committed entries, and starts to vote.</summary>
    public async Task StartAsync(ConsensusOptions options, CancellationToken token)
    {
        try
        {
            await Cluster.StartAsync(token);
            // The library may return before the committed entries are applied. One that cannot be applied must end the
            // start, with its sentence, and not the node a moment later.
            await Wal.WaitForApplyAsync(Wal.LastCommittedEntryIndex, token);
        }
        catch (Exception e) when ((State.Failure ?? e) is UnsupportedFormatException)
        {
            throw Unsupported(options, State.Failure ?? e);
        }
        catch (Exception e) when (e is IntegrityException or InvalidDataException)
        {
            throw new LogDamagedException(
                $"The log of node {options.Node} in {options.Directory} is damaged ({e.Message.TrimEnd('.')}): "
                + "set the node's data directory aside and start it with --rejoin.", e);
        }
        catch (Exception e) when (e is PendingTaskInterruptedException || State.Failure is not null)
        {
            string why = (State.Failure ?? e).Message.TrimEnd('.');
            throw new LogDamagedException(
                $"Node {options.Node} cannot apply an entry of its log in {options.Directory} ({why}): start the "
                + "version that wrote it, or set the node's data directory aside and start it with --rejoin.", e);
        }
        catch (SocketException e)
        {
            throw new IOException($"Node {options.Node} cannot listen on {Own(options).Raft}: {e.Message}.", e);
        }

        // The library flushes its files but not their names: the files of its first start become durable here.
        string wal = WalDirectory(options);
        foreach (string made in Directory.GetDirectories(wal)) DurableDirectory.Flush(made);
        DurableDirectory.Flush(wal);
    }

    /// <summary>
    /// Resigns if this node leads, then stops. A follower must not resign: the library would pass its resignation on to
    /// the leader and depose it.
    /// </summary>
    public async Task StopAsync(bool leading, CancellationToken token)
    {
        if (leading) await ResignAsync(token);
        await Cluster.StopAsync(token);
    }

    public async Task ResignAsync(CancellationToken token)
    {
        try
        {
            await ((ICluster)Cluster).ResignAsync(token);
        }
        catch (MemberUnavailableException)
        {
            // Another node leads already, and the library passed the resignation on to it in vain.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Cluster.DisposeAsync();
        await Wal.DisposeAsync();
        await State.DisposeAsync();
    }

    /// <summary>
    /// The library's log options for <paramref name="directory"/>. The log is kept in private memory and written to
    /// files, so a full disk is an error; with mapped files it would end the process with SIGBUS.
    /// </summary>
    public static WriteAheadLog.Options LogOptions(string directory) => new()
    {
        Location = directory,
        ChunkSize = ChunkBytes,
        MemoryManagement = WriteAheadLog.MemoryManagementStrategy.PrivateMemory,
        HashAlgorithm = WriteAheadLog.IntegrityHashAlgorithm.XxHash3,
    };

    /// <summary>The log is intact, so the message must not advise --rejoin.</summary>
    private static LogDamagedException Unsupported(ConsensusOptions options, Exception why) =>
        new($"Node {options.Node} cannot read its log in {options.Directory}. {why.Message}", why);

    private static WriteAheadLog OpenLog(
        string directory, ReplicatedState state, bool durable, ConsensusOptions options) => durable
            ? new DurableWal(LogOptions(directory), state, alone: options.Members.Count == 1)
            {
                FlushMax = options.FlushMax, BeforeFlush = options.BeforeFlush,
            }
            : new WriteAheadLog(LogOptions(directory), state);

    /// <summary>
    /// A member's identity for the library: member ids and votes are made of it. It is the announced name, never an
    /// address that the name resolved to.
    /// </summary>
    public static DnsEndPoint EndPointOf(Member member) => new(member.Raft.Host, member.Raft.Port);

    private static RaftCluster.CustomTransportConfiguration Configure(
        ConsensusOptions options, IPEndPoint listen, RaftListener listener, RaftDialler dialler, ILoggerFactory loggers)
    {
        var (electionMin, electionMax) = options.OwnElection;
        var configuration = new RaftCluster.CustomTransportConfiguration(listen, listener, dialler)
        {
            ConfigurationStorage = null!, // The library's own, in memory: the members never change while a node runs.
            ColdStart = false,
            PublicEndPoint = EndPointOf(Own(options)),
            LowerElectionTimeout = (int)electionMin.TotalMilliseconds,
            UpperElectionTimeout = (int)electionMax.TotalMilliseconds,
            HeartbeatThreshold = options.HeartbeatEvery / electionMin,
            RequestTimeout = options.AppendTimeout, // The dialler ends votes and heartbeats earlier.
            ConnectTimeout = options.ConnectTimeout,
            MaxReplicationLag = 16,
            LoggerFactory = loggers,
        };
        var storage = (InMemoryClusterConfigurationStorage<EndPoint>)configuration.ConfigurationStorage;
        var members = storage.CreateInitialConfigurationBuilder();
        foreach (var member in options.Members) members.Add(EndPointOf(member));
        members.Build();
        return configuration;
    }

    /// <summary>The cluster id in the newest applied state; 0 while there is none.</summary>
    private static UInt128 ClusterOf(ReplicatedState state) => UInt128.Parse(
        state.Latest.Value.Id.ToString(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static string WalDirectory(ConsensusOptions options) => Path.Combine(options.Directory, "wal");

    private static Member Own(ConsensusOptions options) => options.Members.First(m => m.Id == options.Node);
}
