using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>
/// Federated averaging (McMahan et al. 2017): the new model is the mean of the updates, each weighted with its number
/// of examples. Files to file, a block at a time, so that memory depends neither on the number of updates nor on the
/// model.
/// </summary>
/// <remarks>
/// Invariant: the bytes written depend on the updates, their examples and their order alone; not on block size, vector
/// width, threads or machine. While one block is handed to the output, which often hashes, the next one is averaged and
/// the one after it is read; no element's sum is ever shared between threads.
/// </remarks>
public static class FederatedAverage
{
    /// <summary>
    /// One below 2^29: an update's examples times a float32 is then exact in a double (24 + 29 bits), see
    /// <see cref="WeightedSum"/>.
    /// </summary>
    public const long ExamplesMax = (1L << 29) - 1;

    /// <summary>Writes the mean of the updates as a .pt file, its tensors in the order of the first update.</summary>
    /// <param name="updates">The files and their numbers of examples (1 to <see cref="ExamplesMax"/>), in trainer-id
    /// order; at least one.</param>
    /// <param name="output">Takes the file front to back; not disposed. Without success it holds a part of a
    /// file.</param>
    /// <param name="token">Ends the work between two blocks.</param>
    /// <exception cref="AveragingException">An update is damaged or does not match the others.</exception>
    /// <exception cref="IOException">An update cannot be read, or the output not written.</exception>
    public static Task WriteAsync(
        IReadOnlyList<(string Path, long Examples)> updates, Stream output, CancellationToken token) =>
        WriteAsync(updates, output, FileBlocks.BytesMax, token);

    internal static async Task WriteAsync(
        IReadOnlyList<(string Path, long Examples)> updates, Stream output, int blockBytes, CancellationToken token)
    {
        await using var mean = new WeightedMean(updates);
        using var writer = new PtWriter(output, mean.Schema);
        byte[] block = FileBlocks.Pool.Rent(blockBytes);
        byte[] written = FileBlocks.Pool.Rent(blockBytes);
        Task writing = Task.CompletedTask;
        try
        {
            while (await mean.NextAsync(block.AsMemory(0, blockBytes)) is var count and > 0)
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
