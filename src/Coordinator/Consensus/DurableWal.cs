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
/// It works because the cluster calls the log through its interfaces, and C# lets a derived class implement an
/// interface anew. A library update could undo that silently: DurableWalTests reads the checkpoint after an append.
/// </para>
/// </summary>
internal sealed class DurableWal(WriteAheadLog.Options options, ReplicatedState state)
    : WriteAheadLog(options, state), IPersistentState, IAuditTrail<IRaftLogEntry>
{
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
}
