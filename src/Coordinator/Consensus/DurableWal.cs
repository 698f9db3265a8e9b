using System.Runtime.CompilerServices;
using DotNext.IO.Log;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Consensus;

/// <summary>
/// The log, made durable before a follower acknowledges, and closed to a leader that was deposed.
/// <para>
/// The library's log answers AppendEntries when the bytes are in memory and flushes later; a follower killed in between
/// forgets what the leader counted as its vote, and committed entries are lost (measured: 4 divergences in 40 rounds of
/// killing all nodes). The leader's own path flushes before it commits.
/// </para>
/// <para>
/// Invariant: an entry of this node's own carries the term in which this node was elected, and is written while the
/// node knows no later one. The library writes a new term down before it leaves the leader's state; what was proposed
/// in between (a node that wakes from a pause) would go into the log under the next leader's term, as a second entry
/// of the same index and term, and from there on two histories pass for one (measured: docs/FAULTS.md, seed 22).
/// </para>
/// <para>
/// Invariant: this is the only caller of <c>FlushAsync</c>. The library's flush event has room for one waiter, a second
/// one crashes the process; appends of a follower are serialised by the cluster's transition lock, so here it is safe.
/// </para>
/// <para>
/// Invariant: what a snapshot holds is never flushed. While a leader's snapshot is installed, the library's flusher may
/// already wait for the log with an older snapshot's index in hand; it would go on to flush all entries up to the new
/// one's last, which are in no page of this log, and fail for good (measured: docs/FAULTS.md, the soak's seed 56). So
/// the installation moves the beginning of what is unflushed behind the snapshot, which the flusher does read again.
/// </para>
/// <para>
/// It works because the cluster calls the log through its interfaces, and C# lets a derived class implement an
/// interface anew. A library update could undo that silently: DurableWalTests reads the checkpoint after an append.
/// </para>
/// </summary>
/// <param name="alone">The only node of its cluster: it leads without an election, and nobody else ever wins a term.
/// </param>
internal sealed class DurableWal(WriteAheadLog.Options options, ReplicatedState state, bool alone)
    : WriteAheadLog(options, state), IPersistentState, IAuditTrail<IRaftLogEntry>
{
    /// <summary>The newest term in which this node was elected. Read and written under the log's append lock.</summary>
    private long _wonTerm = -1;

    /// <summary>
    /// Verifies the hash of every entry, then applies the committed ones. The base class starts its applier before it
    /// verifies; the state holds it back until the verification has passed, so damaged entries are never applied.
    /// </summary>
    public override async Task InitializeAsync(CancellationToken token = default)
    {
        state.Installed = SkipWhatIsInstalled;
        // The verification is the synchronous part: when the call returns, it has passed or the task has failed.
        var initialized = base.InitializeAsync(token);
        if (!initialized.IsFaulted && !initialized.IsCanceled) state.StartApplying();
        await initialized;
    }

    /// <summary>What this node proposes, and the empty entry with which it opens a term that it won.</summary>
    /// <exception cref="DotNext.Net.Cluster.Consensus.Raft.NotLeaderException">The entry's term is over, or another
    /// node's.</exception>
    ValueTask<long> IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(TEntry entry, CancellationToken token) =>
        entry.TryGetMemory(out var content)
            ? AppendAsync(new OwnEntry
            {
                Content = content, Term = entry.Term, Context = (entry as IInputLogEntry)?.Context, Admit = Admit,
                OpensTerm = typeof(TEntry) == typeof(EmptyLogEntry),
            }, token)
            : throw new InvalidOperationException("A proposal lies in memory as a whole.");

    private bool Admit(OwnEntry entry)
    {
        if (entry.Term != ((IPersistentState)this).Term) return false;
        if (entry.OpensTerm) _wonTerm = entry.Term;
        return alone || entry.Term == _wonTerm;
    }

    async ValueTask IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(
        ILogEntryProducer<TEntry> entries, long startIndex, bool skipCommitted, CancellationToken token)
    {
        bool any = entries.RemainingCount > 0;
        await AppendAsync(entries, startIndex, skipCommitted, token);
        if (!any) return; // a heartbeat
        CrashPoint.Pass("append-unflushed");
#if !CANARY_NO_FLUSH
        await FlushAsync(token);
#endif
        CrashPoint.Pass("append-flushed");
    }

    /// <summary>
    /// Called while a snapshot is installed, under the log's exclusive lock. A log that is longer than the snapshot has
    /// the pages, and maybe entries of its own to flush.
    /// </summary>
    private void SkipWhatIsInstalled(long index)
    {
        if (index >= LastEntryIndex) SetUnflushedIndex(this, index + 1);
    }

    /// <summary>The library's own setter, used by it after an overwrite; not public in 6.12.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_UnflushedIndex")]
    private static extern void SetUnflushedIndex(WriteAheadLog log, long value);
}
