namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Reads every blob again, slowly, for ever: disks forget bits without saying so. A bad blob is quarantined by the
/// store and pulled from a peer.
/// </summary>
public sealed class Scrub(BlobStore store, Replication replication, TimeProvider time, ILogger<Scrub> log)
    : BackgroundService
{
    /// <summary>Between passes.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromHours(1);

    /// <summary>On average: about one percent of a core, and of what a plain disk reads.</summary>
    public const long BytesPerSecond = 20_000_000;

    /// <summary>Reads everything once. Returns how many blobs were bad and came back from a peer.</summary>
    public async Task<int> PassAsync(CancellationToken token)
    {
        int repaired = 0;
        foreach (var blob in store.List())
        {
            // Otherwise it is gone because nothing needs it any more.
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
