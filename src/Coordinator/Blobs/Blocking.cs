namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Work that blocks a thread for long: fsync, hashing a whole file. It gets a thread of its own (some 100 us to make),
/// because the pool has two threads on two cores and Raft's heartbeats run on them.
/// </summary>
internal static class Blocking
{
    public static Task<T> Run<T>(Func<T> work, CancellationToken token) =>
        Task.Factory.StartNew(work, token, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Runs short work right here.</summary>
    public static Task<T> RunIf<T>(bool isLong, Func<T> work, CancellationToken token) =>
        isLong ? Run(work, token) : Task.FromResult(work());
}
