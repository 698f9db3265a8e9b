using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Rounds;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Releases what a round needed once its model is published. Updates that the run does not keep are no longer needed:
/// the next round's updates overwrite their files. Kept updates and the previous model are read again only by a new
/// follower or a check, so their pages are dropped from the kernel's file cache. Otherwise every round would fill more
/// of the cache and evict other programs' files, and in a virtual machine that returns free memory to its host, new
/// pages are slow to get.
/// </summary>
internal sealed class RoundCleanup(IReplicatedLog log, BlobStore store) : BackgroundService
{
    /// <summary>
    /// Blobs that are not read again once <paramref name="before"/> has become <paramref name="after"/>. The updates
    /// are taken from the round that was open, because the trail lists none if the run keeps none
    /// (<c>keepUpdateRounds</c> 0).
    /// </summary>
    public static IEnumerable<BlobHash> Over(ClusterState before, ClusterState after) =>
        after.Runs.SelectMany(run => before.Find(run.Id) is { } open ? Over(open, run) : []);

    private static IEnumerable<BlobHash> Over(Run open, Run run)
    {
        if (run.Trail.Count < 2 || run.Model!.Blob == open.Model?.Blob) return [];
        return open.Updates.Values.Select(update => update.Blob).Append(run.Trail[^2].Blob);
    }

    /// <summary>Whether the round's model is published, so that none of its facts can still be committed.</summary>
    public static bool IsOver(UpdateRound round, ClusterState state) =>
        state.Find(round.Run) is { } run && run.Trail.Count > round.Round;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var before = log.State; ;)
        {
            var after = await log.ChangedAsync(before.Index, stoppingToken);
            await ReleaseAsync(before, after, stoppingToken);
            before = after;
        }
    }

    /// <summary>Releases what <paramref name="after"/> no longer needs of <paramref name="before"/>.</summary>
    internal async Task ReleaseAsync(ClusterState before, ClusterState after, CancellationToken token)
    {
        var over = Over(before, after).ToList();
        if (over.Count > 0)
            await store.ReuseAsync(round => IsOver(round, after), () => BlobReferences.KeptIn(after), token);
        // A run ends later than its last model is published: with its last score.
        if (!after.ActiveRuns.Any()) store.DeleteSpares();
        foreach (var blob in over) await store.ForgetAsync(blob, token);
    }
}
