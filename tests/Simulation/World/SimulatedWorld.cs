namespace Quorate.Simulation.World;

/// <summary>
/// Simulated time and the queue of events. All code of the simulation runs on the thread pool, which has exactly one
/// thread here: everything that is queued there (Task.Run, ConfigureAwait(false), CancelAsync, pipes, waits in
/// libraries) runs in the same order each time, and product code needs no changes. A pool item queued behind all others
/// checks that nothing is left to run; only then does the next event happen, which advances the time.
/// <para>
/// Invariant: nothing depends on the machine's real clock, and events without a natural order are ordered by the seed.
/// </para>
/// </summary>
internal sealed class SimulatedWorld
{
    private readonly PriorityQueue<Action, (long At, long Order)> _events = new();
    private readonly ulong _seed;
    private long _order;

    public SimulatedWorld(ulong seed, TextWriter? log = null)
    {
        if (!HasOneThread) throw new InvalidOperationException("The thread pool must have one thread, and has more.");
        (_seed, Trace) = (seed, new Trace { Log = log });
    }

    /// <summary>Limits the pool to one thread. The minimum is set first, because the maximum must not be below it.
    /// </summary>
    private static bool HasOneThread
    {
        get
        {
            ThreadPool.SetMinThreads(1, 1);
            return ThreadPool.SetMaxThreads(1, 1);
        }
    }

    /// <summary>Simulated time in units of 100 ns. It starts at one hour, so that no timestamp is 0.</summary>
    public long Now { get; private set; } = TimeSpan.TicksPerHour;

    public long Events { get; private set; }

    public Trace Trace { get; }

    public Draws Stream(string name) => Draws.Stream(_seed, name);

    public void After(TimeSpan delay, Action action) =>
        _events.Enqueue(action, (Now + Math.Max(0, delay.Ticks), _order++));

    /// <summary>Runs until the story has ended or its time is over. Called from outside the pool.</summary>
    /// <exception cref="TimeoutException">The story did not end within the limit of simulated time.</exception>
    public void Run(Func<Task> story, TimeSpan limit)
    {
        using var done = new ManualResetEventSlim();
        Task? running = null;
        Exception? failure = null;
        long end = Now + limit.Ticks;
        WaitCallback step = null!;
        step = _ =>
        {
            try
            {
                if (ThreadPool.PendingWorkItemCount == 0 && !Step(running ??= story(), end))
                {
                    done.Set();
                    return;
                }
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                failure = e;
                done.Set();
                return;
            }
            ThreadPool.UnsafeQueueUserWorkItem(step, null);
        };
        ThreadPool.UnsafeQueueUserWorkItem(step, null);
        done.Wait();
        if (failure is not null) throw new InvalidOperationException("The simulation itself failed.", failure);
        running!.GetAwaiter().GetResult();
    }

    /// <summary>Runs the next event; returns false if the story has ended.</summary>
    private bool Step(Task story, long end)
    {
        if (story.IsCompleted) return false;
        if (!_events.TryDequeue(out var action, out var when))
            throw new InvalidOperationException("There are no more events, but the story has not ended.");
        if (when.At > end) throw new TimeoutException("The story did not end in its time.");
        Now = when.At;
        Events++;
        action();
        return true;
    }
}
