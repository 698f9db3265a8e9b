using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Rounds;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Gives memory back as rounds end: once a model is published, the updates that it was made from and the model before
/// it are not read again, but for a new follower or a check. On their way in they went through the kernel's cache of
/// files, which would keep them until something else needs the room. Without this, every round's bytes take pages that
/// were free, instead of those of the round before: slower (a tenth to a fifth of the processor time of a large round,
/// in a virtual machine that gives free memory back to its host), and at the cost of what other programs have there.
/// </summary>
internal sealed class Forgetting(IReplicatedLog log, BlobStore store) : BackgroundService
{
    /// <summary>
    /// What is not read again once <paramref name="before"/> has become <paramref name="after"/>. The updates are those
    /// of the round that was open: the trail lists none where the run keeps none (<c>keepUpdateRounds</c> 0).
    /// </summary>
    public static IEnumerable<BlobHash> Over(ClusterState before, ClusterState after)
    {
        Run? open = Newest(before), run = Newest(after);
        if (open is null || run is not { Trail.Count: > 1 } || run.Model!.Blob == open.Model?.Blob) return [];
        return open.Updates.Values.Select(update => update.Blob).Append(run.Trail[^2].Blob);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var before = log.State; ;)
        {
            var after = await log.ChangedAsync(before.Index, stoppingToken);
            foreach (var blob in Over(before, after)) await store.ForgetAsync(blob, stoppingToken);
            before = after;
        }
    }

    private static Run? Newest(ClusterState state) => state.Runs.IsEmpty ? null : state.Runs[^1];
}
