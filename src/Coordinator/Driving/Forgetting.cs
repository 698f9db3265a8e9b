using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Rounds;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// As rounds end, lets go of what they needed. Once a model is published, the updates that it was made from are of no
/// more use where the run keeps none: their files are written over by the next round's. What is kept, and the model
/// before, is not read again but for a new follower or a check, so the kernel need not hold it in its cache of files
/// until something else needs the room: every round's bytes would take pages that were free, which are slower to get
/// (in a virtual machine that gives free memory back to its host), at the cost of what other programs have there.
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

    /// <summary>Whether no fact of the round can be committed any more: the run has its model.</summary>
    public static bool IsOver(UpdateRound round, ClusterState state) =>
        state.Find(round.Run) is { } run && run.Trail.Count > round.Round;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var before = log.State; ;)
        {
            var after = await log.ChangedAsync(before.Index, stoppingToken);
            var over = Over(before, after).ToList();
            before = after;
            if (over.Count == 0) continue;
            await store.ReuseAsync(
                round => IsOver(round, after), () => BlobReferences.KeptIn(after), stoppingToken);
            if (after.Active is null) store.DeleteSpares();
            foreach (var blob in over) await store.ForgetAsync(blob, stoppingToken);
        }
    }

    private static Run? Newest(ClusterState state) => state.Runs.IsEmpty ? null : state.Runs[^1];
}
