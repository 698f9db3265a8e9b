using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>A blob that the state names, with its length in bytes.</summary>
public readonly record struct WantedBlob(BlobHash Hash, long Length);

/// <summary>The blobs that this node should hold, by its newest state.</summary>
public delegate IReadOnlyCollection<WantedBlob> WantedBlobs();

/// <summary>
/// Pulls blobs that the state names and this node is missing. Looks when woken (a fact was applied, a blob turned out
/// bad) and every few seconds; blobs that no peer could send are requested again at the next look.
/// </summary>
public sealed class Puller(
    BlobStore store, Replication replication, WantedBlobs wanted, TimeProvider time, ILogger<Puller> log)
    : BackgroundService
{
    /// <summary>How long a missing blob may go unnoticed without a wake-up.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Blobs pulled at the same time: one that stalls does not delay the next, and uploads keep most of the disk.
    /// </summary>
    private const int AtOnce = 2;

    private TaskCompletionSource _wake = NewWake();

    /// <summary>Looks soon. Never blocks; callable from any thread.</summary>
    public void Wake() => Volatile.Read(ref _wake).TrySetResult();

    /// <summary>Pulls everything that is missing, once.</summary>
    public Task PassAsync(CancellationToken token) => Parallel.ForEachAsync(
        wanted().Where(blob => !store.Exists(blob.Hash)),
        new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = token },
        async (blob, t) => await replication.PullAsync(blob.Hash, blob.Length, t));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        store.FoundBad += Wake;
        while (!stoppingToken.IsCancellationRequested)
        {
            Volatile.Write(ref _wake, NewWake());
            try
            {
                await PassAsync(stoppingToken);
                await Volatile.Read(ref _wake).Task.WaitAsync(Period, time, stoppingToken);
            }
            catch (TimeoutException)
            {
                // The period is over.
            }
            catch (IOException e)
            {
                log.PassFailed(e.Message);
                await Task.Delay(Period, time, stoppingToken);
            }
        }
    }

    private static TaskCompletionSource NewWake() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
