using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// Counted updates whose bytes were lost with the old leader. This can happen with <c>--durability leader</c> only;
/// the trainer must send the same bytes again. Where a majority has every update, the bytes are pulled from a peer.
/// </summary>
internal sealed class LostUpdates(IReplicatedLog log, BlobStore blobs, CoordinatorOptions options)
{
    /// <summary>Whether the trainer's counted update of the run's current round is one of them.</summary>
    public bool Contains(Run run, TrainerId trainer) =>
        options.Durability == Durability.Leader && log.Leadership.IsLeader
            && run.Updates.TryGetValue(trainer, out var update) && !blobs.Exists(update.Blob);
}
