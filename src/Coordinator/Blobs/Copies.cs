using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>Replication where too few copies are a failure of the step that needs them.</summary>
internal static class Copies
{
    /// <summary>Makes sure that this node holds the blob.</summary>
    /// <exception cref="BlobUnavailableException">No reachable node could give it.</exception>
    public static async Task RequireHereAsync(this Replication replication, BlobHash hash, long length,
        CancellationToken token)
    {
        if (!await replication.PullAsync(hash, length, token))
            throw new BlobUnavailableException($"Blob {hash.Short} is not here and no reachable node holds it.");
    }

    /// <summary>
    /// Makes the draft a blob of all nodes, and returns once a majority has it on disk; the slower ones get a moment
    /// more.
    /// </summary>
    /// <exception cref="BlobUnavailableException">Too few nodes could be reached.</exception>
    public static async Task RequireOnMajorityAsync(
        this Replication replication, ModelDraft draft, CancellationToken token)
    {
        int there = await replication.AdoptAsync(draft, token);
        if (there < replication.Majority)
            throw new BlobUnavailableException(
                $"Blob {draft.Hash.Short} lies on {there} disks and needs {replication.Majority}.");
    }
}

/// <summary>A blob could not be had, or not be copied widely enough, from the nodes that answer now.</summary>
internal sealed class BlobUnavailableException(string sentence) : Exception(sentence);
