namespace Quorate.Simulation.World;

/// <summary>
/// Time and what is going to happen in it. All code of the simulation runs on the thread pool, which has exactly one
/// thread here: whatever hops there (Task.Run, ConfigureAwait(false), CancelAsync, pipes, the library's own waits) runs
/// in the same order each time, and no product code has to be kept from hopping. A pool item of ours, queued behind all
/// others, looks whether nothing is left to run; only then the next event happens and moves the time.
/// <para>
/// Invariant: nothing happens by a clock of the machine's, and what has no order of its own is ordered by the seed.
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

    /// <summary>Gives the pool its one thread. The minimum goes first: no maximum may lie below it.</summary>
    private static bool HasOneThread
    {
        get
        {
            ThreadPool.SetMinThreads(1, 1);
            return ThreadPool.SetMaxThreads(1, 1);
        }
    }

    /// <summary>Since the beginning, in units of 100 ns. It starts at an hour: a timestamp is never 0.</summary>
    public long Now { get; private set; } = TimeSpan.TicksPerHour;

    public long Events { get; private set; }

    public Trace Trace { get; }

    public Draws Stream(string name) => Draws.Stream(_seed, name);

    public void After(TimeSpan delay, Action action) =>
        _events.Enqueue(action, (Now + Math.Max(0, delay.Ticks), _order++));

    /// <summary>Runs until the story is told, or the time is over. Called from outside the pool.</summary>
    /// <exception cref="TimeoutException">The story was not told within the limit, by its own time.</exception>
    public void Run(Func<Task> story, TimeSpan limit)
    {
        using var done = new ManualResetEventSlim();
        Task? telling = null;
        Exception? failure = null;
        long end = Now + limit.Ticks;
        WaitCallback step = null!;
        step = _ =>
        {
            try
            {
                if (ThreadPool.PendingWorkItemCount == 0 && !Step(telling ??= story(), end))
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
        telling!.GetAwaiter().GetResult();
    }

    /// <summary>False: it is over.</summary>
    private bool Step(Task telling, long end)
    {
        if (telling.IsCompleted) return false;
        if (!_events.TryDequeue(out var action, out var when))
            throw new InvalidOperationException("Nothing is left to happen, and the story is not told.");
        if (when.At > end) throw new TimeoutException("The story was not told in its time.");
        Now = when.At;
        Events++;
        action();
        return true;
    }
}
