namespace Quorate.Coordinator.Disk;

/// <summary>
/// A few threads for blocking work: fsync, hashing a file. The pool has few threads (sixteen at once, more only one by
/// one), and Raft's heartbeats run on them. Creating a thread for each piece of work would cost about 100 us, as much
/// as a small fsync. The threads never end; each process has one set.
/// </summary>
internal sealed class DiskThreads : TaskScheduler
{
    /// <summary>More concurrent flushes would only wait for each other in the kernel.</summary>
    private const int Count = 8;

    private readonly Queue<Task> _waiting = new();

    private DiskThreads()
    {
        for (int i = 0; i < Count; i++) new Thread(Run) { IsBackground = true, Name = $"disk {i}" }.Start();
    }

    public static DiskThreads All { get; } = new();

    public override int MaximumConcurrencyLevel => Count;

    protected override void QueueTask(Task task)
    {
        lock (_waiting)
        {
            _waiting.Enqueue(task);
            Monitor.Pulse(_waiting);
        }
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_waiting) return [.. _waiting];
    }

    private void Run()
    {
        while (true)
        {
            Task next;
            lock (_waiting)
            {
                while (_waiting.Count == 0) Monitor.Wait(_waiting);
                next = _waiting.Dequeue();
            }
            TryExecuteTask(next);
        }
    }
}
