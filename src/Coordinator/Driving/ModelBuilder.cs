using Quorate.Aggregation;
using Quorate.Coordinator.Blobs;
using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Driving;

/// <summary>Computes the next model from a closed round's updates, as a draft in this node's store.</summary>
internal static class ModelBuilder
{
    private static readonly Aggregator _aggregator = new();

    /// <param name="blobs">This node's store.</param>
    /// <param name="replication">Pulls what this node lacks.</param>
    /// <param name="plan">The run's strategy and key rules.</param>
    /// <param name="previous">The model that the updates were trained from.</param>
    /// <param name="updates">In trainer-id order: the order of summation.</param>
    /// <param name="token">Stops between two blocks; nothing is left behind.</param>
    /// <exception cref="BlobUnavailableException">A blob is not here, or was found damaged and set aside.</exception>
    public static async Task<ModelDraft> BuildAsync(
        BlobStore blobs, Replication replication, AggregationPlan plan, PublishedModel previous,
        IReadOnlyList<Update> updates, CancellationToken token)
    {
        await replication.RequireHereAsync(previous.Blob, previous.Length, token);
        foreach (var update in updates) await replication.RequireHereAsync(update.Blob, update.Length, token);
        string draft = blobs.NewDraft();
        bool built = false;
        try
        {
            var (hash, length) = await AggregateAsync(blobs, plan, previous, updates, draft, token);
            built = true;
            return new ModelDraft(draft, hash, length);
        }
        catch (AggregationException e)
        {
            // A file was damaged after it was verified. Damaged files are set aside here and pulled again.
            await blobs.RehashAsync(previous.Blob, token);
            foreach (var update in updates) await blobs.RehashAsync(update.Blob, token);
            throw new BlobUnavailableException(e.Message);
        }
        finally
        {
            if (!built) File.Delete(draft);
        }
    }

    /// <summary>Hashes the model while it is written.</summary>
    private static async Task<(BlobHash Hash, long Length)> AggregateAsync(
        BlobStore blobs, AggregationPlan plan, PublishedModel previous, IReadOnlyList<Update> updates, string draft,
        CancellationToken token)
    {
        var inputs = new RoundInputs(
            blobs.PathOf(previous.Blob), Memory: null,
            [.. updates.Select(update => new WeightedFile(blobs.PathOf(update.Blob), update.Examples))],
            plan);
        await using var file = HashedFileStream.Create(draft);
        await _aggregator.AggregateAsync(inputs, file, memory: null, token);
        return (file.Hash, file.Length);
    }
}
