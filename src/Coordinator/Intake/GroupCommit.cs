namespace Quorate.Coordinator.Intake;

/// <summary>
/// Puts the facts of updates that arrive at about the same time into the log together. Each commit makes every node
/// flush its log, and for a small update that is most of the work: five trainers that finish together need one commit,
/// not five. An update whose bytes are durable waits for those whose bytes are still arriving, at most
/// <see cref="Patience"/>. The last one does not wait, so the round does not end later.
/// </summary>
public sealed class GroupCommit(TimeProvider time)
{
    /// <summary>A few commits long (3 ms each on a good disk): a longer wait for a slow upload gains nothing.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(20);

    private readonly TimeProvider _time = time;
    private readonly Lock _gate = new();
    private int _arriving;
    private TaskCompletionSource _allArrived = New();

    /// <summary>Announces an update, until it has arrived or is disposed.</summary>
    public Member Join()
    {
        lock (_gate) _arriving++;
        return new Member(this);
    }

    private Task Arrive()
    {
        lock (_gate)
        {
            if (--_arriving > 0) return _allArrived.Task;
            _allArrived.SetResult();
            _allArrived = New();
            return Task.CompletedTask;
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>An announced update. Invariant: it arrives exactly once; giving up counts as arriving.</summary>
    public sealed class Member(GroupCommit group) : IDisposable
    {
        private int _arrived;

        /// <summary>Returns when all announced updates have arrived, or after <see cref="Patience"/>.</summary>
        public async Task ArriveAsync(CancellationToken token)
        {
            if (Interlocked.Exchange(ref _arrived, 1) != 0) return;
            var all = group.Arrive();
            if (all.IsCompleted) return;
            await all.WaitAsync(Patience, group._time, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            token.ThrowIfCancellationRequested();
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _arrived, 1) == 0) _ = group.Arrive();
        }
    }
}
