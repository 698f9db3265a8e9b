using System.Runtime.InteropServices;
using Quorate.Shared.Runs;
using static TorchSharp.torch;

namespace Quorate.Trainer.Data;

/// <summary>MNIST's four files (see data/mnist/README.md).</summary>
internal static class Mnist
{
    public const int Classes = 10;

    private const int Side = 28;

    /// <summary>One shard of the training images.</summary>
    /// <exception cref="TrainerException">A file is missing or damaged, or there is no such shard.</exception>
    public static ImageSet Shard(DataPlan data, string folder, ulong runSeed, int shard, Device device) =>
        Read(data, folder, "train", available => Partition.Shard(data, runSeed, available, shard), device);

    /// <summary>The first <paramref name="count"/> test images; all, for null or more than there are.</summary>
    /// <exception cref="TrainerException">A file is missing or damaged.</exception>
    public static ImageSet Test(DataPlan data, string folder, int? count, Device device) =>
        Read(data, folder, "t10k", available => [.. Enumerable.Range(0, available).Take(count ?? available)], device);

    /// <summary>Reads the images that <paramref name="choose"/> names when told how many there are.</summary>
    private static ImageSet Read(DataPlan data, string folder, string split, Func<int, int[]> choose, Device device)
    {
        using IdxFile images = IdxFile.Open(folder, $"{split}-images-idx3-ubyte", Side, Side);
        using IdxFile labels = IdxFile.Open(folder, $"{split}-labels-idx1-ubyte");
        if (images.Items != labels.Items)
            throw labels.Damaged($"it has {labels.Items} labels for {images.Items} images");

        int[] chosen = choose(images.Items);
        Tensor pixels = empty(chosen.Length, 1, Side, Side, dtype: ScalarType.Byte);
        Tensor classes = empty(chosen.Length, dtype: ScalarType.Int64);
        try
        {
            Fill(images, labels, chosen, pixels.bytes, MemoryMarshal.Cast<byte, long>(classes.bytes));
            return new ImageSet(pixels, classes, Scaling.Of(data.Normalise), device);
        }
        catch (TrainerException)
        {
            pixels.Dispose();
            classes.Dispose();
            throw;
        }
    }

    /// <summary>Reads both files to their ends, so that damage anywhere is seen, and keeps what is chosen.</summary>
    private static void Fill(IdxFile images, IdxFile labels, int[] chosen, Span<byte> pixels, Span<long> classes)
    {
        const int Pixels = Side * Side;
        int[] places = new int[images.Items];
        Array.Fill(places, -1);
        for (int place = 0; place < chosen.Length; place++)
            places[chosen[place]] = place;

        Span<byte> passedOver = stackalloc byte[Pixels];
        Span<byte> label = stackalloc byte[1];
        foreach (int place in places)
        {
            images.ReadItem(place < 0 ? passedOver : pixels.Slice(place * Pixels, Pixels));
            labels.ReadItem(label);
            if (label[0] >= Classes)
                throw labels.Damaged($"it has the label {label[0]}, which is none of 0 to {Classes - 1}");
            if (place >= 0)
                classes[place] = label[0];
        }

        images.ExpectEnd();
        labels.ExpectEnd();
    }
}
