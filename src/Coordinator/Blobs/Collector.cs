using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Deletes what nothing references: blobs and unfinished parts that nobody asked for in a grace period. The grace
/// covers the time between an upload's bytes and its fact, or between two attempts of an upload.
/// Invariant: nothing is deleted when what is referenced could not be read, nor within the first grace period of a
/// process, because the store's memory of what was asked for lately does not outlive it.
/// </summary>
/// <param name="kept">Everything that any fact acknowledged before the call references; null: not known now.</param>
public sealed class Collector(
    BlobStore store, Func<CancellationToken, ValueTask<IReadOnlySet<BlobHash>?>> kept, TimeSpan grace,
    TimeProvider time, ILogger<Collector> log) : BackgroundService
{
    /// <summary>Deletes once. Returns how many went.</summary>
    public async Task<int> PassAsync(CancellationToken token)
    {
        // Listed before the references are read: what arrives in between is not in the list.
        var listed = store.List().Concat(store.ListParts()).Select(blob => blob.Hash).ToList();
        if (await kept(token) is not { } keep)
        {
            log.NotCollected("it is not known now");
            return 0;
        }
        int deleted = 0;
        foreach (var hash in listed)
        {
            token.ThrowIfCancellationRequested();
            if (keep.Contains(hash) || !store.DeleteIdle(hash)) continue;
            deleted++;
            log.Deleted(hash);
        }
        if (deleted > 0) log.Collected(deleted);
        return deleted;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(grace / BlobStore.KeptSteps, time);
        for (int step = 1; await timer.WaitForNextTickAsync(stoppingToken); step++)
        {
            store.Step();
            if (step % BlobStore.KeptSteps != 0) continue;
            try
            {
                await PassAsync(stoppingToken);
            }
            catch (IOException e)
            {
                log.PassFailed(e.Message);
            }
        }
    }
}
