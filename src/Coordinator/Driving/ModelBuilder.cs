using System.Collections.Immutable;
using Quorate.Aggregation;
using Quorate.Coordinator.Blobs;
using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Driving;

/// <summary>A round's model before it is published. Dispose deletes the files that have not become blobs.</summary>
/// <param name="Model">The model.</param>
/// <param name="Memory">The strategy's memory for the next round, if it has one.</param>
/// <param name="Contributors">The trainers whose updates count; empty if all count.</param>
internal sealed record BuiltModel(
    ModelDraft Model, ModelDraft? Memory, ImmutableArray<TrainerId> Contributors) : IDisposable
{
    public void Dispose()
    {
        Model.Dispose();
        Memory?.Dispose();
    }
}

/// <summary>
/// Computes the next model from a closed round's updates, as drafts in this node's store. One at a time, so that the
/// memory does not grow with the number of active runs.
/// </summary>
internal sealed class ModelBuilder(BlobStore blobs, Replication replication) : IDisposable
{
    private readonly Aggregator _aggregator = new();
    private readonly SemaphoreSlim _one = new(1);

    /// <param name="plan">The run's strategy and key rules.</param>
    /// <param name="previous">The model that the updates were trained from, and its memory.</param>
    /// <param name="updates">In trainer-id order: the order of summation.</param>
    /// <param name="token">Stops between two blocks; nothing is left behind.</param>
    /// <exception cref="BlobUnavailableException">A blob is not here, or was found damaged and set aside.</exception>
    public async Task<BuiltModel> BuildAsync(
        AggregationPlan plan, PublishedModel previous, IReadOnlyList<Update> updates, CancellationToken token)
    {
        var memory = plan.HasMemory ? previous.Memory : null;
        BlobRef[] inputs =
        [
            new(previous.Blob, previous.Length), .. memory is { } blob ? [blob] : Array.Empty<BlobRef>(),
            .. updates.Select(update => new BlobRef(update.Blob, update.Length)),
        ];
        foreach (var input in inputs) await replication.RequireHereAsync(input.Hash, input.Length, token);
        // Pulling may take long, and holds up no other run.
        await _one.WaitAsync(token);
        string draft = blobs.NewDraft(), memoryDraft = plan.HasMemory ? blobs.NewDraft() : "";
        bool built = false;
        try
        {
            var files = new RoundInputs(
                blobs.PathOf(previous.Blob), memory is { } kept ? blobs.PathOf(kept.Hash) : null,
                [.. updates.Select(update => new WeightedFile(blobs.PathOf(update.Blob), update.Examples))], plan);
            var model = await AggregateAsync(files, updates, draft, memoryDraft, token);
            built = true;
            return model;
        }
        catch (AggregationException e)
        {
            // A file was damaged after it was verified. Damaged files are set aside here and pulled again.
            foreach (var input in inputs) await blobs.RehashAsync(input.Hash, token);
            throw new BlobUnavailableException(e.Message);
        }
        finally
        {
            _one.Release();
            if (!built)
            {
                File.Delete(draft);
                if (memoryDraft.Length > 0) File.Delete(memoryDraft);
            }
        }
    }

    public void Dispose() => _one.Dispose();

    /// <summary>Hashes the files while they are written.</summary>
    private async Task<BuiltModel> AggregateAsync(
        RoundInputs inputs, IReadOnlyList<Update> updates, string draft, string memoryDraft, CancellationToken token)
    {
        await using var model = HashedFileStream.Create(draft);
        await using var memory = memoryDraft.Length > 0 ? HashedFileStream.Create(memoryDraft) : null;
        var result = await _aggregator.AggregateAsync(inputs, model, memory, token);
        return new BuiltModel(
            new ModelDraft(draft, model.Hash, model.Length),
            memory is null ? null : new ModelDraft(memoryDraft, memory.Hash, memory.Length),
            result.Counted.Count == updates.Count ? [] : [.. result.Counted.Select(update => updates[update].Trainer)]);
    }
}
