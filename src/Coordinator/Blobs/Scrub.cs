namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Reads every blob again, slowly and forever, because disks lose bits silently. The store quarantines a bad blob, and
/// it is pulled from a peer.
/// </summary>
public sealed class Scrub(BlobStore store, Replication replication, TimeProvider time, ILogger<Scrub> log)
    : BackgroundService
{
    /// <summary>Time between passes.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromHours(1);

    /// <summary>On average: about one percent of a core, and of what a plain disk can read.</summary>
    public const long BytesPerSecond = 20_000_000;

    /// <summary>Reads everything once. Returns how many bad blobs were replaced from a peer.</summary>
    public async Task<int> PassAsync(CancellationToken token)
    {
        int repaired = 0;
        foreach (var blob in store.List())
        {
            // A blob that is not lost was deleted because nothing references it.
            if (!await store.RehashAsync(blob.Hash, token) && store.HasLost(blob.Hash)
                && await replication.PullAsync(blob.Hash, blob.Length, token))
            {
                repaired++;
                BlobMeter.Repaired.Add(1);
            }
            await Task.Delay(TimeSpan.FromSeconds((double)blob.Length / BytesPerSecond), time, token);
        }
        return repaired;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
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
