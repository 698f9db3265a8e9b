using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Deletes what nothing references: blobs and unfinished parts older than a grace period. The grace covers the time
/// between an upload's bytes and its fact, or between two attempts of an upload.
/// Invariant: nothing is deleted when what is referenced could not be read, nor within the first grace period of a
/// process, because the store's memory of what was asked for lately does not outlive it.
/// </summary>
public sealed class Collector(
    BlobStore store, Func<CancellationToken, ValueTask<IReadOnlySet<BlobHash>?>> kept, TimeSpan grace,
        TimeProvider time,
    ILogger<Collector> log) : BackgroundService
{
    /// <summary>
    /// Deletes once. <see langword="null"/> from the delegate means: could not be read. Returns how many files went.
    /// </summary>
    public async Task<int> PassAsync(CancellationToken token)
    {
        var before = time.GetUtcNow() - grace;
        // Listed before the references are read: what arrives in between is not in the list.
        var old = store.List().Concat(store.ListParts()).Where(blob => blob.WrittenAt < before).ToList();
        if (await kept(token) is not { } keep)
        {
            log.NotCollected("it is not known now");
            return 0;
        }
        int deleted = 0;
        foreach (var blob in old)
        {
            token.ThrowIfCancellationRequested();
            if (keep.Contains(blob.Hash) || !store.DeleteIdle(blob.Hash, before)) continue;
            deleted++;
            log.Deleted(blob.Hash);
        }
        if (deleted > 0) log.Collected(deleted);
        return deleted;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(grace, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
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
