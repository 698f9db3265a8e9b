using DotNext.IO.Log;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Threading;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using Lock = System.Threading.Lock;

namespace Quorate.Coordinator.Consensus;

/// <summary>
/// The one door into the replicated log: propose a command, look at the state, wait for it to change, know who leads.
/// Behind it stand the library's Raft over TCP, the durable log and the pure state machine.
/// <para>
/// What counts: an outcome is told only when its entry is on the disks of a majority and applied here. A node whose log
/// breaks (a disk failure, an entry that cannot be applied) calls <c>onBroken</c> once and is of no further use: the
/// program exits and its supervisor starts it again. Nothing is ever skipped.
/// </para>
/// </summary>
public sealed class ReplicatedLog : IReplicatedLog, IAsyncDisposable
{
    /// <summary>Bound of a graceful stop: several times what it takes with all peers dead.</summary>
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(3);

    /// <summary>The token of a node that does not lead.</summary>
    private static readonly CancellationToken Never = new(canceled: true);

    private readonly ConsensusOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly FailStop _failStop;
    private readonly RaftNode _node;
    private readonly Dictionary<System.Net.EndPoint, int> _nodes;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _observing = new();
    private readonly Latest<Leadership> _leadership = new(new Leadership(null, 0, Never));
    private Task _watching = Task.CompletedTask;

    private ReplicatedLog(ConsensusOptions options, ILogger logger, TimeProvider time, FailStop failStop, RaftNode node)
    {
        _options = options;
        _logger = logger;
        _time = time;
        _failStop = failStop;
        _node = node;
        _nodes = options.Members.ToDictionary(m => (System.Net.EndPoint)new MemberEndPoint(m), m => m.Id);
        _node.Cluster.LeaderChanged += (_, _) => Observe();
    }

    /// <inheritdoc/>
    public ClusterState State => _node.State.Latest.Value;

    /// <inheritdoc/>
    public Leadership Leadership => _leadership.Value;

    /// <inheritdoc/>
    public bool QuorumReachable =>
        Leadership.LeaderNode is not null && !TokenOf(cluster => cluster.ConsensusToken).IsCancellationRequested;

    /// <summary>
    /// Opens the log of this node, verifies it, and starts taking part: from here on this node votes.
    /// </summary>
    /// <param name="options">Validated here.</param>
    /// <param name="loggers">Where consensus writes; the library's own warnings come rate-limited.</param>
    /// <param name="time">The clock of our own bounds; the library's timers are its own.</param>
    /// <param name="onBroken">Called once, from any thread, when this node must stop: exit with a code that is not
    /// zero.</param>
    /// <param name="token">Cancels the start.</param>
    /// <exception cref="ArgumentException">A rule of <see cref="ConsensusOptions"/> is broken.</exception>
    /// <exception cref="LogDamagedException">The log or the newest snapshot cannot be trusted.</exception>
    /// <exception cref="IOException">The disk or the Raft port cannot be used.</exception>
    public static Task<ReplicatedLog> StartAsync(ConsensusOptions options, ILoggerFactory loggers, TimeProvider time,
        Action<Exception> onBroken, CancellationToken token) =>
        StartAsync(options, loggers, time, onBroken, durable: true, token);

    // Not durable: the library's own log, which acknowledges before it has flushed. It exists for the canary of the
    // durability tests, which must catch it.
    internal static async Task<ReplicatedLog> StartAsync(ConsensusOptions options, ILoggerFactory loggers,
        TimeProvider time, Action<Exception> onBroken, bool durable, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        ArgumentNullException.ThrowIfNull(onBroken);
        if (options.FirstError() is { } error) throw new ArgumentException(error, nameof(options));

        var logger = loggers.CreateLogger<ReplicatedLog>();
        var failStop = new FailStop(onBroken, logger);
        var node = await RaftNode.OpenAsync(options, loggers, time, failStop, durable, token);
        var log = new ReplicatedLog(options, logger, time, failStop, node);
        bool started = false;
        try
        {
            await node.StartAsync(options, token);
            var leadership = new LeadershipWatch(node.Cluster.WaitForLeadershipAsync, log.Observe, time);
            log._watching = Task.WhenAll(log.WatchAsync(leadership.RunAsync), log.WatchAsync(log.WatchFailureAsync));
            logger.Started(options.Node, options.Members.First(m => m.Id == options.Node).Raft,
                node.Wal.LastEntryIndex);
            started = true;
            return log;
        }
        finally
        {
            if (!started) await log.DisposeAsync();
        }
    }

    /// <inheritdoc/>
    public Task<ClusterState> ChangedAsync(long after, CancellationToken token) =>
        _node.State.Latest.WhenAsync(state => state.Index > after, token);

    /// <inheritdoc/>
    public Task<Leadership> LeadershipChangedAsync(Leadership seen, CancellationToken token) =>
        _leadership.WhenAsync(now => now != seen, token);

    /// <inheritdoc/>
    public async Task<Outcome> ProposeAsync(Command command, CancellationToken token)
    {
        byte[] bytes = CommandCodec.Encode(command);
        ThrowUnlessLeader();
        var proposal = new Proposal(Guid.NewGuid());
        var entry = new BinaryLogEntry
        {
            Content = LogPayload.Wrap(proposal.Request, bytes),
            Term = _node.Cluster.Term,
            Context = proposal,
        };
        CrashPoint.Pass("before-propose");
        var replicated = BoundedAsync(async bound => await _node.Cluster.ReplicateAsync(entry, bound), token);
#if CANARY_EARLY_ACK
        if (command is Command.Join or Command.AcceptUpdate)
            return RoundMachine.Judge(State, command);
#endif
        await replicated;
        CrashPoint.Pass("after-propose");
        return proposal.Outcome ?? throw new OutcomeUnknownException("a new leader overwrote the entry");
    }

    /// <inheritdoc/>
    /// <remarks>Leader only, because the library's barrier on a follower trusts a leader that may be deposed.</remarks>
    public async Task<ClusterState> ReadAsync(CancellationToken token)
    {
        var leading = ThrowUnlessLeader();
        await BoundedAsync(
            async bound => await _node.Cluster.ApplyReadBarrierAsync(ReadBarrierType.Strong, bound), token);
        return leading.IsLeader ? State : throw new NotLeaderException(Leadership.LeaderNode);
    }

    /// <inheritdoc/>
    public IReadOnlyList<(long Index, BlobHash Chain)> ChainWindow(long from) => _node.State.Chains.From(from);

    /// <summary>Gives the leadership up where this node has it; the nodes then elect, this one among them.</summary>
    public async Task ResignAsync(CancellationToken token)
    {
        if (!Leadership.IsLeader) return;
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token, _stop.Token);
        bound.CancelAfter(_options.ProposeTimeout);
        try
        {
            await _node.ResignAsync(bound.Token);
        }
        catch (Exception e) when (IsEndOfNode(e) || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            // It stops, or leads no more; either way there is nothing left to give up.
        }
    }

    /// <summary>Resigns where it leads, leaves, and closes the log. Takes 3 s at the most.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        bool leading = Leadership.IsLeader;
        await _stop.CancelAsync();
        using var bound = new CancellationTokenSource(StopTimeout, _time);
        try
        {
            await _node.StopAsync(leading, bound.Token).WaitAsync(bound.Token);
            await _watching.WaitAsync(bound.Token);
            await _node.DisposeAsync().AsTask().WaitAsync(bound.Token);
            _logger.Stopped(_options.Node);
        }
        catch (OperationCanceledException) when (bound.IsCancellationRequested)
        {
            _logger.StopTimedOut(StopTimeout.TotalSeconds);
        }
        catch (Exception e) when (IsEndOfNode(e))
        {
            // A broken log cannot be closed properly; onBroken has said so, and the process is on its way out.
        }
        Observe();
    }

    private Leadership ThrowUnlessLeader() =>
        Leadership is { IsLeader: true } leading ? leading : throw new NotLeaderException(Leadership.LeaderNode);

    private async Task BoundedAsync(Func<CancellationToken, Task> work, CancellationToken token)
    {
        using var timeout = new CancellationTokenSource(_options.ProposeTimeout, _time);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token, timeout.Token, _stop.Token);
        try
        {
            await work(bound.Token);
        }
        catch (DotNext.Net.Cluster.Consensus.Raft.NotLeaderException e)
        {
            throw new OutcomeUnknownException("this node lost the leadership meanwhile", e);
        }
        catch (OperationCanceledException e) when (!token.IsCancellationRequested)
        {
            throw new OutcomeUnknownException(_stop.IsCancellationRequested
                ? "this node is stopping"
                : $"no majority answered within {_options.ProposeTimeout.TotalSeconds} s", e);
        }
        catch (Exception e) when (IsEndOfNode(e))
        {
            throw new OutcomeUnknownException("this node is stopping", e);
        }
    }

    /// <summary>The library's ways to say that the log is broken or that its parts are closed.</summary>
    private static bool IsEndOfNode(Exception e) =>
        e is IntegrityException or PendingTaskInterruptedException or ObjectDisposedException
            or QuorumUnreachableException
            or System.Diagnostics.UnreachableException;

    /// <summary>No entry has this index, so the wait ends only when the log stops, or breaks.</summary>
    private async Task WatchFailureAsync(CancellationToken stop) =>
        await _node.Wal.WaitForApplyAsync(long.MaxValue, stop);

    /// <summary>A watch ends with the stop; whatever else ends it ends this node.</summary>
    private async Task WatchAsync(Func<CancellationToken, Task> watch)
    {
        try
        {
            await watch(_stop.Token);
        }
        catch (Exception e)
        {
            if (!_stop.IsCancellationRequested) _failStop.Trip(e);
        }
    }

    private void Observe()
    {
        lock (_observing)
        {
            var seen = _leadership.Value;
            var now = _stop.IsCancellationRequested || _failStop.Tripped
                ? seen with { LeaderNode = null, Token = Never }
                : Look();
            if (now == seen) return;
            CrashPoint.Leading = now.IsLeader;
            _leadership.Set(now);
            if (now.IsLeader) _logger.Leading(now.Term);
            else if (now.LeaderNode is { } leader && leader != _options.Node) _logger.Following(leader, now.Term);
            else if (now.LeaderNode is null && !_stop.IsCancellationRequested) _logger.Leaderless(now.Term);
        }
    }

    private Leadership Look()
    {
        var leader = _node.Cluster.Leader;
        int? leaderNode = leader is not null && _nodes.TryGetValue(leader.EndPoint, out int node) ? node : null;
        return new Leadership(leaderNode, _node.Cluster.Term, TokenOf(cluster => cluster.LeadershipToken));
    }

    /// <summary>
    /// The library's token getters throw once it is broken or closed; to us, that is neither leader nor quorum.
    /// </summary>
    private CancellationToken TokenOf(Func<RaftCluster, CancellationToken> get)
    {
        try
        {
            if (!_failStop.Tripped && !_stop.IsCancellationRequested) return get(_node.Cluster);
        }
        catch (Exception e) when (IsEndOfNode(e))
        {
            if (!_stop.IsCancellationRequested) _failStop.Trip(e);
        }
        return Never;
    }
}
