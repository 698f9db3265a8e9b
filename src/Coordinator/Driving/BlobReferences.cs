using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Which blobs the state names, and which of them this node needs. Every node needs the models. The leader also needs
/// the open rounds' updates, because it averages them: a new leader pulls those it lacks, which also restores their
/// second copy. A kept update that was damaged on this node is pulled again. With <c>--verify</c>, every node pulls all
/// kept updates.
/// </summary>
internal sealed class BlobReferences(
    IReplicatedLog log, FreshState fresh, BlobStore store, CoordinatorOptions options)
{
    public IReadOnlyCollection<WantedBlob> Wanted()
    {
        var runs = log.State.Runs;
        var models = runs.SelectMany(run => run.KeptModelBlobs).Select(blob => new WantedBlob(blob.Hash, blob.Length));
        var kept = runs.SelectMany(run => run.KeptUpdates);
        var updates = options.Verify ? kept : kept.Where(update => store.HasLost(update.Blob));
        if (log.Leadership.IsLeader)
            updates = updates.Concat(runs.Where(run => run.IsActive).SelectMany(run => run.Updates.Values));
        return [.. models.Concat(updates.Select(update => new WantedBlob(update.Blob, update.Length))).Distinct()];
    }

    /// <summary>
    /// Every blob that must not be collected; null if this node cannot tell. Its own state may be out of date and lack
    /// a blob that the cluster has named since.
    /// </summary>
    public async ValueTask<IReadOnlySet<BlobHash>?> KeptAsync(CancellationToken token)
    {
        return await fresh.ReadAsync(token) is { } state ? KeptIn(state) : null;
    }

    /// <summary>Every blob that a state names.</summary>
    public static IReadOnlySet<BlobHash> KeptIn(ClusterState state)
    {
        var kept = new HashSet<BlobHash>();
        foreach (var run in state.Runs)
        {
            kept.UnionWith(run.KeptModelBlobs.Select(blob => blob.Hash));
            kept.UnionWith(run.KeptUpdates.Select(update => update.Blob));
        }
        return kept;
    }
}

/// <summary>Wakes the puller when the state changes.</summary>
internal sealed class PullOnChange(IReplicatedLog log, Puller puller) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var state = log.State; ;)
        {
            puller.Wake();
            state = await log.ChangedAsync(state.Index, stoppingToken);
        }
    }
}
