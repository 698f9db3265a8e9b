using System.Buffers;
using System.Buffers.Binary;
using Quorate.Client.Attending;
using Quorate.Pt;
using Quorate.Rounds;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Benchmarks;

/// <summary>
/// Does not learn: reads every tensor of the model and returns the same values, except for one value in each block, so
/// that all updates differ (otherwise content addressing would skip the work).
/// </summary>
internal sealed class SyntheticLearner(int trainer, TimeProvider time) : ILearner
{
    /// <summary>Every trainer's weight in the average.</summary>
    private const int ExamplesEach = 12_000;

    private const int BlockBytes = 256 << 10;

    public RunId? Run { get; private set; }

    public long Examples => ExamplesEach;

    /// <summary>When the model was downloaded and the update was trained, in ticks of the clock.</summary>
    public (int Round, long Downloaded, long Trained) Last { get; private set; }

    public Task PrepareAsync(RunId run, RunFile file, CancellationToken token)
    {
        Run = run;
        return Task.CompletedTask;
    }

    public Learned Train(
        RoundWork work, string model, HashedFileStream update, Action<double> progress, CancellationToken token)
    {
        long downloaded = time.GetTimestamp();
        byte[] block = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            using var file = PtFile.Open(model);
            using var writer = new PtWriter(update, file.Schema);
            foreach (var tensor in file.Tensors)
            {
                for (long at = 0; at < tensor.Info.Bytes; at += BlockBytes)
                {
                    token.ThrowIfCancellationRequested();
                    Span<byte> bytes = block.AsSpan(0, (int)Math.Min(BlockBytes, tensor.Info.Bytes - at));
                    file.Read(tensor, at, bytes);
                    BinaryPrimitives.WriteSingleLittleEndian(bytes, (0.001f * work.Round) + (0.00001f * trainer));
                    writer.Write(bytes);
                }
            }
            writer.Complete();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
        Last = (work.Round, downloaded, time.GetTimestamp());
        return new Learned(ExamplesEach, double.NaN);
    }

    public void Dispose()
    {
    }
}
