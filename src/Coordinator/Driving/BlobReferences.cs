using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;

namespace Quorate.Coordinator.Driving;

/// <summary>
/// Which blobs the state names. Models belong on every node. The open round's updates belong on the leader, who will
/// average them, and on the nodes they were relayed to; so a new leader pulls those it lacks, which also restores their
/// second copy. A kept update that a node held until it rotted belongs there again. With <c>--verify</c> every node
/// wants every kept update.
/// </summary>
internal sealed class BlobReferences(
    IReplicatedLog log, FreshState fresh, BlobStore store, CoordinatorOptions options)
{
    public IReadOnlyCollection<WantedBlob> Wanted()
    {
        var runs = log.State.Runs;
        var models = runs.SelectMany(run => run.KeptModels).Select(model => new WantedBlob(model.Blob, model.Length));
        var kept = runs.SelectMany(run => run.KeptUpdates);
        var updates = options.Verify ? kept : kept.Where(update => store.HasLost(update.Blob));
        if (log.Leadership.IsLeader && log.State.Active is { } active) updates = updates.Concat(active.Updates.Values);
        return [.. models.Concat(updates.Select(update => new WantedBlob(update.Blob, update.Length))).Distinct()];
    }

    /// <summary>
    /// Everything that must not be collected. Null where it could not be found out: this node's state may be old, and
    /// what it does not name yet may be named already.
    /// </summary>
    public async ValueTask<IReadOnlySet<BlobHash>?> KeptAsync(CancellationToken token)
    {
        return await fresh.ReadAsync(token) is { } state ? KeptIn(state) : null;
    }

    /// <summary>Everything that a state names.</summary>
    public static IReadOnlySet<BlobHash> KeptIn(ClusterState state)
    {
        var kept = new HashSet<BlobHash>();
        foreach (var run in state.Runs)
        {
            kept.UnionWith(run.KeptModels.Select(model => model.Blob));
            kept.UnionWith(run.KeptUpdates.Select(update => update.Blob));
        }
        return kept;
    }
}

/// <summary>Tells the puller that the state names something new.</summary>
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
