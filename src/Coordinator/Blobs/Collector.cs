using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Every blob that any fact acknowledged before the call references. Null: unknown now, so nothing may be deleted.
/// </summary>
public delegate ValueTask<IReadOnlySet<BlobHash>?> ReferencedBlobs(CancellationToken token);

/// <summary>
/// Deletes blobs and unfinished parts that nothing references and that were not used within a grace period. The grace
/// covers the time between an upload's bytes and its fact, and between two attempts of an upload.
/// Invariant: nothing is deleted while the references are unknown, nor within the first grace period of a process:
/// the store does not remember uses from before it started.
/// </summary>
public sealed class Collector(
    BlobStore store, ReferencedBlobs referenced, BlobStoreOptions options, TimeProvider time, ILogger<Collector> log)
    : BackgroundService
{
    /// <summary>Deletes once. Returns how many were deleted.</summary>
    public async Task<int> PassAsync(CancellationToken token)
    {
        // Listed before the references are read: blobs that arrive in between are not in the list.
        var listed = store.List().Concat(store.ListParts()).Select(blob => blob.Hash).ToList();
        if (await referenced(token) is not { } keep)
        {
            log.NotCollected("no leader could be asked");
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
        using var timer = new PeriodicTimer(options.CollectAfter / BlobStore.KeptSteps, time);
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
