using DotNext.IO.Log;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Threading;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using LibraryNotLeaderException = DotNext.Net.Cluster.Consensus.Raft.NotLeaderException;
using Lock = System.Threading.Lock;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>
/// The replicated log: the library's Raft over TCP, the durable log and the pure state machine behind one interface.
/// <para>
/// Invariant: an outcome is returned only when its entry is on the disks of a majority and applied here. If the log
/// breaks (a disk failure, an entry that cannot be applied), the node calls <c>onBroken</c> once and stops; the program
/// exits and its supervisor starts it again. No entry is ever skipped.
/// </para>
/// </summary>
public sealed class ReplicatedLog : IReplicatedLog, IAsyncDisposable
{
    /// <summary>Bound of a graceful stop: several times what a stop takes with all peers dead.</summary>
    private static readonly TimeSpan _stopTimeout = TimeSpan.FromSeconds(3);

    /// <summary>The token of a node that does not lead.</summary>
    private static readonly CancellationToken _never = new(canceled: true);

    private readonly ConsensusOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly FailStop _failStop;
    private readonly RaftNode _node;
    private readonly Dictionary<System.Net.EndPoint, int> _nodes;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _observing = new();
    private readonly Latest<Leadership> _leadership = new(new Leadership(null, 0, _never));
    private Task _watching = Task.CompletedTask;

    /// <summary>The newest leadership whose first entry is applied here.</summary>
    private CancellationToken _applied = _never;

    private ReplicatedLog(ConsensusOptions options, ILogger logger, TimeProvider time, FailStop failStop, RaftNode node)
    {
        _options = options;
        _logger = logger;
        _time = time;
        _failStop = failStop;
        _node = node;
        _nodes = options.Members.ToDictionary(m => (System.Net.EndPoint)RaftNode.EndPointOf(m), m => m.Id);
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
    /// Opens and verifies the log of this node and joins consensus: from here on this node votes.
    /// </summary>
    /// <param name="options">Validated here.</param>
    /// <param name="loggers">For the messages of consensus; the library's own warnings are rate-limited.</param>
    /// <param name="time">The clock of our own bounds; the library has its own timers.</param>
    /// <param name="onBroken">Called once, from any thread, when this node must stop with a nonzero exit code.</param>
    /// <param name="token">Cancels the start.</param>
    /// <exception cref="ArgumentException">A rule of <see cref="ConsensusOptions"/> is broken.</exception>
    /// <exception cref="LogDamagedException">The log or the newest snapshot cannot be trusted.</exception>
    /// <exception cref="IOException">The disk or the Raft port cannot be used.</exception>
    public static Task<ReplicatedLog> StartAsync(ConsensusOptions options, ILoggerFactory loggers, TimeProvider time,
        Action<Exception> onBroken, CancellationToken token) =>
        StartAsync(options, loggers, time, onBroken, durable: true, token);

    /// <param name="durable">False: the library's own log, which acknowledges before it flushes. The durability tests
    /// must catch it.</param>
    internal static async Task<ReplicatedLog> StartAsync(ConsensusOptions options, ILoggerFactory loggers,
        TimeProvider time, Action<Exception> onBroken, bool durable, CancellationToken token)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        ArgumentNullException.ThrowIfNull(onBroken);
        if (!options.IsValid(out string? error)) throw new ArgumentException(error, nameof(options));

        var logger = loggers.CreateLogger<ReplicatedLog>();
        var failStop = new FailStop(onBroken, logger);
        var node = await RaftNode.OpenAsync(options, loggers, time, failStop, durable, token);
        var log = new ReplicatedLog(options, logger, time, failStop, node);
        if (node.Wal is DurableWal wal) wal.Stalled = log.LeaveToAnother;
        bool started = false;
        try
        {
            await node.StartAsync(options, token);
            var leadership = new LeadershipWatch(log.WaitToLeadAsync, log.Observe, time);
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
        byte[] bytes = CommandCodec.Encode(command, State.Level);
        ThrowUnlessLeader();
        var proposal = new Proposal(Guid.NewGuid());
        var entry = new BinaryLogEntry
        {
            Content = LogPayload.Wrap(proposal.Request, bytes),
            Term = _node.Cluster.Term,
            Context = proposal,
        };
        CrashPoint.Pass("before-propose");
        await BoundedAsync(async bound => await _node.Cluster.ReplicateAsync(entry, bound), token);
        CrashPoint.Pass("after-propose");
        return proposal.TryGetOutcome(out var outcome)
            ? outcome
            : throw new OutcomeUnknownException("a new leader overwrote the entry");
    }

    /// <inheritdoc/>
    /// <remarks>Leader only: on a follower the library's barrier trusts a leader that may be deposed.</remarks>
    public async Task<ClusterState> ReadAsync(CancellationToken token)
    {
        var leading = ThrowUnlessLeader();
        await BoundedAsync(
            async bound => await _node.Cluster.ApplyReadBarrierAsync(ReadBarrierType.Strong, bound), token);
        return leading.IsLeader ? State : throw new NotLeaderException(Leadership.LeaderNode);
    }

    /// <inheritdoc/>
    public IReadOnlyList<(long Index, BlobHash Chain)> ChainWindow(
        long from, int max = Consensus.ChainWindow.Capacity) =>
        _node.State.Chains.From(from, max);

    /// <summary>
    /// This node's disk hangs, so another node should lead. A leadership that is not announced yet ends too: its first
    /// entry waits for this disk.
    /// </summary>
    private void LeaveToAnother()
    {
        if (_stop.IsCancellationRequested) return;
        _logger.DiskHangs(_options.FlushMax.TotalSeconds);
        _ = StepDownAsync(_stop.Token);
    }

    /// <summary>Steps down if this node leads. The nodes then elect a leader, possibly this node again.</summary>
    public Task ResignAsync(CancellationToken token) =>
        Leadership.IsLeader ? StepDownAsync(token) : Task.CompletedTask;

    private async Task StepDownAsync(CancellationToken token)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token, _stop.Token);
        bound.CancelAfter(_options.ProposeTimeout);
        try
        {
            await _node.ResignAsync(bound.Token);
        }
        catch (Exception e) when (IsEndOfNode(e) || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            // The node stops or no longer leads; there is nothing left to give up.
        }
    }

    /// <summary>Steps down if this node leads, leaves consensus and closes the log. Takes at most 3 s.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        bool leading = Leadership.IsLeader;
        await _stop.CancelAsync();
        using var bound = new CancellationTokenSource(_stopTimeout, _time);
        try
        {
            await _node.StopAsync(leading, bound.Token).WaitAsync(bound.Token);
            await _watching.WaitAsync(bound.Token);
            await _node.DisposeAsync().AsTask().WaitAsync(bound.Token);
            _logger.Stopped(_options.Node);
        }
        catch (OperationCanceledException) when (bound.IsCancellationRequested)
        {
            _logger.StopTimedOut(_stopTimeout.TotalSeconds);
        }
        catch (Exception e) when (IsEndOfNode(e))
        {
            // A broken log cannot be closed properly; onBroken was called, and the process is about to exit.
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
        catch (LibraryNotLeaderException e)
        {
            throw new OutcomeUnknownException("this node lost its leadership", e);
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

    /// <summary>The exceptions with which the library reports a broken log or closed parts.</summary>
    private static bool IsEndOfNode(Exception e) =>
        e is IntegrityException or PendingTaskInterruptedException or ObjectDisposedException
            or QuorumUnreachableException
            or System.Diagnostics.UnreachableException;

    /// <summary>No entry has this index, so the wait ends only when the log stops or breaks.</summary>
    private async Task WatchFailureAsync(CancellationToken stop) =>
        await _node.Wal.WaitForApplyAsync(long.MaxValue, stop);

    /// <summary>A watch ends with the stop; if anything else ends it, this node stops.</summary>
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
                ? seen with { LeaderNode = null, Token = _never }
                : Look();
            if (now == seen) return;
            CrashPoint.Leading = now.IsLeader;
            _leadership.Set(now);
            if (now.IsLeader) _logger.Leading(now.Term);
            else if (now.LeaderNode is { } leader && leader != _options.Node) _logger.Following(leader, now.Term);
            else if (now.LeaderNode is null && !_stop.IsCancellationRequested) _logger.Leaderless(now.Term);
        }
    }

    /// <summary>Returns once this node leads and its own first entry is applied.</summary>
    private async Task<CancellationToken> WaitToLeadAsync(CancellationToken token) =>
        _applied = await _node.Cluster.WaitForLeadershipAsync(token);

    /// <summary>
    /// Invariant: a leadership is announced only once its first entry is applied. The library's token is valid from its
    /// commit on, and a state read in between would be older than what was acknowledged.
    /// </summary>
    private Leadership Look()
    {
        var leader = _node.Cluster.Leader;
        int? leaderNode = leader is not null && _nodes.TryGetValue(leader.EndPoint, out int node) ? node : null;
        var leading = TokenOf(cluster => cluster.LeadershipToken);
        return new Leadership(leaderNode, _node.Cluster.Term, leading == _applied ? leading : _never);
    }

    /// <summary>
    /// The library's token getters throw once the log is broken or closed. That counts as no leader and no quorum.
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
        return _never;
    }
}
