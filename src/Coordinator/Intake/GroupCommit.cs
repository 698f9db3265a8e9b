namespace Quorate.Coordinator.Intake;

/// <summary>
/// Facts of updates that arrive at about the same time go into the log together. Each commit makes every node flush its
/// log, and for a small update that is most of the work: five trainers that are done at once need one commit, not five.
/// An update whose bytes are durable waits for those whose bytes are still on their way, at most
/// <see cref="Patience"/>; the last to arrive waits for nobody, so the round's end is not put off.
/// </summary>
public sealed class GroupCommit(TimeProvider time)
{
    /// <summary>
    /// A few commits long (3 ms each on a good disk): waiting any longer for an upload that crawls would gain nothing.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(20);

    private readonly TimeProvider _time = time;
    private readonly Lock _gate = new();
    private int _coming;
    private TaskCompletionSource _departure = New();

    /// <summary>Says that an update is on its way, until it has arrived or is disposed.</summary>
    public Member Join()
    {
        lock (_gate) _coming++;
        return new Member(this);
    }

    private Task Arrive()
    {
        lock (_gate)
        {
            if (--_coming > 0) return _departure.Task;
            _departure.SetResult();
            _departure = New();
            return Task.CompletedTask;
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>One update on its way. Invariant: it arrives once, be it by giving up.</summary>
    public sealed class Member(GroupCommit group) : IDisposable
    {
        private int _arrived;

        /// <summary>Returns when all who are on their way have arrived, or patience is over.</summary>
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
