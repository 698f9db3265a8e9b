using System.Buffers;
using DotNext.IO;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using Quorate.Rounds;
using Quorate.Shared.Processes;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>
/// Applies committed entries to the state, one after the other, and writes snapshots of it.
/// Invariant: it never skips an entry. If an entry cannot be applied, the node stops, because its state would differ
/// from its peers'.
/// </summary>
internal sealed class ReplicatedState(DirectoryInfo snapshots, int snapshotEvery, FailStop failStop)
    : SimpleStateMachine(snapshots)
{
    private readonly Latest<ClusterState> _latest = new(ClusterState.Empty);
    private readonly TaskCompletionSource _verified = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _sinceSnapshot;
    private int _snapshots; // written, but not known to have their final name yet

    /// <summary>The newest applied state.</summary>
    public Latest<ClusterState> Latest => _latest;

    public ChainWindow Chains { get; } = new();

    /// <summary>Why an entry could not be applied; null while all could.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Called with the last index of each snapshot received from a leader, once it is on disk.</summary>
    public Action<long> Installed { private get; set; } = static _ => { };

    /// <summary>Starts the applier; called once the log has been verified.</summary>
    public void StartApplying() => _verified.TrySetResult();

    protected override async ValueTask<bool> ApplyAsync(LogEntry entry, CancellationToken token)
    {
        if (!_verified.Task.IsCompleted) await _verified.Task.WaitAsync(token);
        try
        {
            return Apply(entry);
        }
        catch (Exception e)
        {
            // Any failure ends the process here: rethrowing stops the library's applier.
            Failure = e;
            failStop.Trip(e);
            throw;
        }
    }

    protected override async ValueTask PersistAsync(IAsyncBinaryWriter writer, CancellationToken token)
    {
        // The applier waits for this before its next entry, so Value is the state at the snapshot's index.
        await SnapshotFile.WriteAsync(_latest.Value, writer, token);
        CrashPoint.Pass("snapshot-written");
        Interlocked.Increment(ref _snapshots);
    }

    protected override ValueTask RestoreAsync(FileInfo snapshotFile, CancellationToken token)
    {
        snapshotFile.Refresh();
        Publish(SnapshotFile.Read(snapshotFile));
        _sinceSnapshot = 0;
        Installed(_latest.Value.Index);
        return ValueTask.CompletedTask;
    }

    private bool Apply(LogEntry entry)
    {
        if (!entry.TryGetPayload(out var payload) || payload.IsEmpty) return false; // a new leader's no-op

        // The payload is a view of the log's pages and may straddle two of them, hence the copy.
        var (request, bytes) = LogPayload.Unwrap(payload.ToArray());
        var command = CommandCodec.Decode(bytes.Span);
        // The library renames a snapshot just before it applies the next entry.
        if (Interlocked.Exchange(ref _snapshots, 0) > 0) CrashPoint.Pass("snapshot-renamed");
        CrashPoint.Pass("before-apply");
        var (state, outcome) = RoundMachine.Apply(_latest.Value, entry.Index, command, bytes.Span);
        Publish(state);
        if (entry.Context is Proposal proposal && proposal.Request == request) proposal.Settle(outcome);
        CrashPoint.Pass("after-apply");

        if (++_sinceSnapshot < snapshotEvery) return false;
        _sinceSnapshot = 0;
        return true;
    }

    private void Publish(ClusterState state)
    {
        Chains.Add(state.Index, state.Chain);
        _latest.Set(state);
    }
}
