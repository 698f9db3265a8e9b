using DotNext.IO.Log;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Consensus;

/// <summary>
/// The log, made durable before a follower acknowledges. The library's log answers AppendEntries when the bytes are in
/// memory and flushes later; a follower killed in between forgets what the leader counted as its vote, and committed
/// entries are lost (measured: 4 divergences in 40 rounds of killing all nodes). The leader's own path flushes before
/// it commits.
/// <para>
/// Invariant: this is the only caller of <c>FlushAsync</c>. The library's flush event has room for one waiter, a second
/// one crashes the process; appends of a follower are serialised by the cluster's transition lock, so here it is safe.
/// </para>
/// <para>
/// It also keeps a deposed leader from adding to its log. The library moves the node's term first, flushes it, and ends
/// the leadership after that; who proposed in between signed with the new leader's term, and two entries with the same
/// index and term are taken for the same entry for ever (measured: one fork in some 300 kills with pauses).
/// Invariant: a node adds an entry of its own only in the node's newest term, and only if it stood for that term.
/// </para>
/// <para>
/// It works because the cluster calls the log through its interfaces, and C# lets a derived class implement an
/// interface anew. A library update could undo that silently: DurableWalTests calls it as the cluster does.
/// </para>
/// </summary>
internal sealed class DurableWal(WriteAheadLog.Options options, ReplicatedState state)
    : WriteAheadLog(options, state), IPersistentState, IAuditTrail<IRaftLogEntry>
{
    /// <summary>
    /// Held from the look at the term to the end of an append, and by a leader's appends here: what a leader of a newer
    /// term sends comes behind all that was added in an older one.
    /// </summary>
    private readonly SemaphoreSlim _appending = new(1);

    /// <summary>The newest term in which this node was elected: whoever is, adds an empty entry first.</summary>
    private long _elected;

    /// <summary>
    /// Verifies the hash of every entry, then applies the committed ones. The base class starts its applier before it
    /// verifies; the state holds it back until the verification has passed, so damaged entries are never applied.
    /// </summary>
    public override async Task InitializeAsync(CancellationToken token = default)
    {
        // The verification is the synchronous part: when the call returns, it has passed or the task has failed.
        var initialized = base.InitializeAsync(token);
        if (!initialized.IsFaulted && !initialized.IsCanceled) state.StartApplying();
        await initialized;
    }

    /// <exception cref="NotLeaderException">It leads no more; nothing was added.</exception>
    async ValueTask<long> IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(TEntry entry, CancellationToken token)
    {
        await _appending.WaitAsync(token);
        try
        {
            if (entry.Term != ((IPersistentState)this).Term) throw new NotLeaderException(null);
            if (typeof(TEntry) == typeof(EmptyLogEntry)) _elected = entry.Term;
            else if (entry.Term != _elected) throw new NotLeaderException(null);
            return await AppendAsync(entry, token);
        }
        finally
        {
            _appending.Release();
        }
    }

    async ValueTask IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(
        ILogEntryProducer<TEntry> entries, long startIndex, bool skipCommitted, CancellationToken token)
    {
        bool any = entries.RemainingCount > 0;
        await AloneAsync(() => AppendAsync(entries, startIndex, skipCommitted, token), token);
        if (!any) return; // a heartbeat
        CrashPoint.Pass("append-unflushed");
#if !CANARY_NO_FLUSH
        await FlushAsync(token);
#endif
        CrashPoint.Pass("append-flushed");
    }

    /// <remarks>A snapshot that takes the place of the log.</remarks>
    ValueTask IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(
        TEntry entry, long startIndex, CancellationToken token) =>
        AloneAsync(() => AppendAsync(entry, startIndex, token), token);

    private async ValueTask AloneAsync(Func<ValueTask> append, CancellationToken token)
    {
        await _appending.WaitAsync(token);
        try
        {
            await append();
        }
        finally
        {
            _appending.Release();
        }
    }
}
