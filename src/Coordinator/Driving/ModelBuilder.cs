using Quorate.Aggregation;
using Quorate.Coordinator.Blobs;
using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Driving;

/// <summary>The updates of a closed round, as files, into the next model, as a draft of this node's store.</summary>
internal static class ModelBuilder
{
    /// <param name="updates">In trainer-id order: the order of summation.</param>
    /// <exception cref="BlobUnavailableException">An update's bytes are not here, or turned out bad and were put
    /// aside.</exception>
    /// <exception cref="OperationCanceledException">Between two blocks; nothing is left.</exception>
    public static async Task<ModelDraft> BuildAsync(
        BlobStore blobs, Replication replication, IReadOnlyList<Update> updates, CancellationToken token)
    {
        foreach (var update in updates) await replication.RequireHereAsync(update.Blob, update.Length, token);
        string draft = blobs.NewDraft();
        bool made = false;
        try
        {
            var (hash, length) = await AverageAsync(blobs, updates, draft, token);
            made = true;
            return new ModelDraft(draft, hash, length);
        }
        catch (AveragingException e)
        {
            // Its check sums say that a file rotted since it was verified. What is bad is put aside here and pulled
            // again.
            foreach (var update in updates) await blobs.RehashAsync(update.Blob, token);
            throw new BlobUnavailableException(e.Message);
        }
        finally
        {
            if (!made) File.Delete(draft);
        }
    }

    /// <summary>One pass: what is averaged is hashed on its way to the disk.</summary>
    private static async Task<(BlobHash Hash, long Length)> AverageAsync(
        BlobStore blobs, IReadOnlyList<Update> updates, string draft, CancellationToken token)
    {
        var files = updates.Select(update => (blobs.PathOf(update.Blob), update.Examples)).ToList();
        await using var file = HashedFileStream.Create(draft);
        await FederatedAverage.WriteAsync(files, file, token);
        return (file.Hash, file.Length);
    }
}
