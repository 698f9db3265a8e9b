using System.Runtime.CompilerServices;
using DotNext.IO;
using DotNext.IO.Log;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using Quorate.Shared.Processes;
using LibraryNotLeaderException = DotNext.Net.Cluster.Consensus.Raft.NotLeaderException;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>
/// The library's log, changed in four ways: a follower flushes entries before it acknowledges them, a leader's slow
/// flush does not delay its heartbeats, a deposed leader can no longer append, and a term that no election can have
/// reached is refused.
/// <para>
/// The library's log acknowledges AppendEntries once the bytes are in memory and flushes later. A follower killed in
/// between loses entries that the leader counted as replicated, and committed entries are lost (measured: 4 divergences
/// in 40 rounds of killing all nodes). The leader's own path already flushes before it commits.
/// </para>
/// <para>
/// Invariant: an entry that this node appends as leader carries the term in which it was elected, and is written while
/// the node knows no later term. The library stores a new term before it leaves the leader state; a proposal made in
/// between (by a node that wakes from a pause) would be logged under the next leader's term, as a second entry with the
/// same index and term, and two histories would pass for one (measured: docs/FAULTS.md, seed 22).
/// </para>
/// <para>
/// The library's leader commits in its heartbeat loop, and a commit waits for the leader's own flush. A disk that was
/// busy for longer than an election timeout cost the cluster a healthy leader. Here such a commit finishes beside the
/// heartbeats; nothing is committed before it is on this disk.
/// </para>
/// <para>
/// Invariant: at most one caller waits for the library's flusher. Its event supports one waiter; a second one crashes
/// the process. Whoever may wait holds <c>_flushing</c>.
/// </para>
/// <para>
/// Invariant: entries inside a snapshot are never flushed. While a leader's snapshot is installed, the library's
/// flusher may already hold an older snapshot's index. It would then flush all entries up to the new snapshot's last,
/// which are in no page of this log, and fail for good (measured: docs/FAULTS.md, the soak's seed 56). The installation
/// therefore moves the first unflushed index behind the snapshot; the flusher reads that index again.
/// </para>
/// <para>
/// The overrides take effect because the cluster calls the log through its interfaces, which a derived class may
/// implement again. A library update could undo that silently: DurableWalTests reads the checkpoint after an append.
/// </para>
/// </summary>
/// <param name="alone">True for a cluster of one node, which leads without an election.</param>
internal sealed class DurableWal(WriteAheadLog.Options options, ReplicatedState state, bool alone)
    : WriteAheadLog(options, state), IPersistentState, IAuditTrail<IRaftLogEntry>
{
    /// <summary>
    /// Largest step from one term to the next. Each election adds one, so a larger step is damage or an attack. If it
    /// were stored, no node could be elected in a later term.
    /// </summary>
    public const long TermStepMax = 1L << 32;

    /// <summary>The newest term in which this node was elected. Accessed under the log's append lock.</summary>
    private long _wonTerm = -1;

    private readonly SemaphoreSlim _flushing = new(1);
    private readonly Lock _committing = new();
    private bool _commitPending;
    private long _commitWanted;

    /// <summary>Called when a commit has waited for this node's disk for <see cref="FlushMax"/>.</summary>
    public Action Stalled { private get; set; } = static () => { };

    /// <summary>Longest wait for this node's disk before another node should lead.</summary>
    public TimeSpan FlushMax { private get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Awaited before each wait for a flush. Tests make the disk slow with it.</summary>
    internal Func<CancellationToken, Task> BeforeFlush { private get; init; } = static _ => Task.CompletedTask;

    /// <summary>
    /// Verifies the hash of every entry, then applies the committed ones. The base class starts its applier before it
    /// verifies; the state holds the applier back until then, so damaged entries are not applied.
    /// </summary>
    public override async Task InitializeAsync(CancellationToken token = default)
    {
        state.Installed = SkipInstalled;
        // Verification is the synchronous part: when the call returns, it has passed or the task has failed.
        var initialized = base.InitializeAsync(token);
        if (!initialized.IsFaulted && !initialized.IsCanceled) state.StartApplying();
        await initialized;
    }

    /// <summary>Appends a proposal of this node, or the empty entry with which it opens a term that it won.</summary>
    /// <exception cref="LibraryNotLeaderException">The entry's term has passed, or another node won it.</exception>
    ValueTask<long> IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(TEntry entry, CancellationToken token) =>
        entry.TryGetMemory(out var content)
            ? AppendAsync(new OwnEntry
            {
                Content = content, Term = entry.Term, Context = (entry as IInputLogEntry)?.Context, Admit = Admit,
                OpensTerm = typeof(TEntry) == typeof(EmptyLogEntry),
            }, token)
            : throw new InvalidOperationException("A proposal must be one block of memory.");

    /// <exception cref="InvalidDataException">The step to the new term is above <see cref="TermStepMax"/>.</exception>
    ValueTask IPersistentState.UpdateTermAsync(long term, bool resetLastVote, CancellationToken token)
    {
        long own = ((IPersistentState)this).Term;
        return term - own <= TermStepMax
            ? UpdateTermAsync(this, term, resetLastVote, token)
            : ValueTask.FromException(new InvalidDataException(
                $"Refused a message of term {term}: this node is in term {own}, and no election skips so many."));
    }

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
        await _flushing.WaitAsync(token);
        try
        {
            await BeforeFlush(token);
            await FlushAsync(token);
        }
        finally
        {
            _flushing.Release();
        }
        CrashPoint.Pass("append-flushed");
    }

    /// <summary>
    /// Commits at once what is on this disk. The rest is committed as soon as it is; the library asks again with every
    /// heartbeat, so a failure needs no other report.
    /// </summary>
    ValueTask<long> IAuditTrail.CommitAsync(long endIndex, CancellationToken token)
    {
        lock (_committing)
        {
            _commitWanted = _commitPending ? Math.Max(_commitWanted, endIndex) : endIndex;
            if (_commitPending) return new(0L);
            _commitPending = true;
        }
        var commit = CommitWantedAsync(token);
        if (commit.IsCompleted) return new(commit);
        _ = WatchAsync(commit);
        return new(0L);
    }

    private async Task<long> CommitWantedAsync(CancellationToken token)
    {
        try
        {
            for (long committed = 0; ;)
            {
                long wanted = Volatile.Read(ref _commitWanted);
                await _flushing.WaitAsync(token);
                try
                {
                    if (wanted > LastCommittedEntryIndex) await BeforeFlush(token);
                    committed += await CommitAsync(wanted, token);
                }
                finally
                {
                    _flushing.Release();
                }
                lock (_committing)
                {
                    if (_commitWanted > wanted) continue;
                    _commitPending = false;
                    return committed;
                }
            }
        }
        catch
        {
            lock (_committing) _commitPending = false;
            throw;
        }
    }

    private async Task WatchAsync(Task commit)
    {
        // Reported again and again: this node may be elected once more while the same commit still waits.
        while (!commit.IsCompleted)
        {
            await Task.WhenAny(commit, Task.Delay(FlushMax, TimeProvider.System, CancellationToken.None));
            if (!commit.IsCompleted) Stalled();
        }
        await commit.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>
    /// Called while a snapshot is installed, under the log's exclusive lock. If the log is longer than the snapshot,
    /// its pages exist and may hold entries that must still be flushed.
    /// </summary>
    private void SkipInstalled(long index)
    {
        if (index >= LastEntryIndex) SetUnflushedIndex(this, index + 1);
    }

    /// <summary>The library's own setter, which it uses after an overwrite; not public in 6.12.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_UnflushedIndex")]
    private static extern void SetUnflushedIndex(WriteAheadLog log, long value);

    /// <summary>The base class implements the interface explicitly, so there is no other way to call it.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method,
        Name = "DotNext.Net.Cluster.Consensus.Raft.IPersistentState.UpdateTermAsync")]
    private static extern ValueTask UpdateTermAsync(
        WriteAheadLog log, long term, bool resetLastVote, CancellationToken token);
}

/// <summary>
/// An entry that this node appends as leader. It is admitted at the last moment: the log reads the bytes under its
/// append lock, after which no entry of another leader can come in between.
/// </summary>
internal readonly struct OwnEntry : IInputLogEntry
{
    public required ReadOnlyMemory<byte> Content { get; init; }

    public required long Term { get; init; }

    /// <summary>True for the empty entry of a newly elected leader.</summary>
    public required bool OpensTerm { get; init; }

    /// <summary>Tells whether the entry may still be written. Called under the append lock.</summary>
    public required Func<OwnEntry, bool> Admit { get; init; }

    public object? Context { get; init; }

    bool ILogEntry.IsSnapshot => false;

    long? IDataTransferObject.Length => Content.Length;

    bool IDataTransferObject.IsReusable => false;

    /// <summary>False, because the log would copy a memory block without calling <see cref="Admit"/>.</summary>
    bool IDataTransferObject.TryGetMemory(out ReadOnlyMemory<byte> memory)
    {
        memory = default;
        return false;
    }

    ValueTask IDataTransferObject.WriteToAsync<TWriter>(TWriter writer, CancellationToken token) => Admit(this)
        ? writer.WriteAsync(Content, lengthFormat: null, token)
        : ValueTask.FromException(new LibraryNotLeaderException());
}
