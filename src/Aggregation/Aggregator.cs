using Quorate.Aggregation.Selection;
using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>
/// Aggregates files to a file: measures distances if the strategy needs them, chooses which updates count, and combines
/// those block by block.
/// </summary>
/// <remarks>
/// Invariant: the bytes written depend on the previous model, the memory, the updates, their examples and their order
/// alone; not on block size, vector width, threads or machine. While one block is written to the output, which often
/// hashes it, the next one is combined and the one after it is read. No element is shared between threads.
/// <para>
/// Memory does not depend on the model's size. Per round: two blocks, the windows of <see
/// cref="Windows.ReadAhead"/> (at most 8 MiB up to 1,024 updates, 8 KiB per update beyond), an open file and its
/// directory per update, the rule's scratch (median and trimmedmean: 512 bytes per update), and for strategies with
/// distances 8 bytes per pair of updates.
/// </para>
/// </remarks>
public sealed class Aggregator : IAggregator
{
    private readonly int _blockBytes;

    public Aggregator()
        : this(FileBlocks.BytesMax)
    {
    }

    internal Aggregator(int blockBytes) => _blockBytes = blockBytes;

    /// <inheritdoc/>
    public async Task<Aggregated> AggregateAsync(
        RoundInputs inputs, Stream model, Stream? memory, CancellationToken token)
    {
        var recipe = inputs.Plan.Recipe;
        if (memory is null == inputs.Plan.HasMemory)
            throw new ArgumentException($"Strategy {inputs.Plan.Strategy} has {(memory is null ? "a" : "no")} memory.");
        ArgumentOutOfRangeException.ThrowIfLessThan(inputs.Updates.Count, recipe.UpdatesMin, nameof(inputs));

        using var files = new RoundFiles(inputs);
        IReadOnlyList<int> counted = recipe.Selector is { } selector
            ? selector.Choose(await Distances.MeasureAsync(files, token))
            : [.. Enumerable.Range(0, inputs.Updates.Count)];
        await using var pass = new CombinePass(
            files, inputs.Updates, counted, recipe, inputs.Plan.MaxShare, memory);
        await WriteAsync(pass, files.Previous.File.Schema, model, token);
        pass.Complete();
        return new Aggregated(counted);
    }

    private async Task WriteAsync(
        CombinePass pass, IReadOnlyList<TensorInfo> schema, Stream model, CancellationToken token)
    {
        using var writer = new PtWriter(model, schema);
        byte[] block = FileBlocks.Pool.Rent(_blockBytes);
        byte[] written = FileBlocks.Pool.Rent(_blockBytes);
        Task writing = Task.CompletedTask;
        try
        {
            while (await pass.NextAsync(block.AsMemory(0, _blockBytes)) is var count and > 0)
            {
                token.ThrowIfCancellationRequested();
                await writing;
                (block, written) = (written, block);
                ReadOnlyMemory<byte> full = written.AsMemory(0, count);
                writing = Task.Run(() => writer.Write(full.Span), CancellationToken.None);
            }

            await writing;
            writer.Complete();
        }
        finally
        {
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            FileBlocks.Pool.Return(block);
            FileBlocks.Pool.Return(written);
        }
    }
}
