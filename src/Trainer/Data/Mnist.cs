using Quorate.Shared.Runs;
using Quorate.Shared.Text;
using static TorchSharp.torch;

namespace Quorate.Trainer.Data;

/// <summary>MNIST (see data/mnist/README.md).</summary>
[Registered<DataSetKind>(DataSetKind.Mnist)]
internal sealed class Mnist() : IdxImages(Mean, Deviation)
{
    /// <summary>A test computes both from the files.</summary>
    public const double Mean = 0.1307, Deviation = 0.3081;
}

/// <summary>A data set of MNIST's form: four IDX files with images of 28 x 28 bytes in 10 classes.</summary>
/// <param name="mean">Of the training pixels, scaled to 0..1.</param>
/// <param name="deviation">Their standard deviation.</param>
internal abstract class IdxImages(double mean, double deviation) : IDataSet
{
    private const int Classes = 10, Side = 28, Pixels = Side * Side;

    public ImageSet Read(
        string folder, Split split, Normalisation normalise, Func<byte[], int[]> choose, Device device)
    {
        string name = split == Split.Train ? "train" : "t10k";
        using IdxFile images = IdxFile.Open(folder, $"{name}-images-idx3-ubyte", Side, Side);
        using IdxFile labels = IdxFile.Open(folder, $"{name}-labels-idx1-ubyte");
        if (images.Items != labels.Items)
            throw labels.Damaged($"it has {PlainText.Count(labels.Items, "label")} for "
                + PlainText.Count(images.Items, "image"));

        byte[] classes = ReadLabels(labels);
        int[] chosen = choose(classes);
        Tensor pixels = empty(chosen.Length, 1, Side, Side, dtype: ScalarType.Byte);
        try
        {
            Fill(images, chosen, pixels.bytes);
        }
        catch (TrainerException)
        {
            pixels.Dispose();
            throw;
        }
        long[] chosenClasses = [.. chosen.Select(place => (long)classes[place])];
        return new ImageSet(pixels, tensor(chosenClasses), Scaling.Of(normalise, mean, deviation), device);
    }

    private static byte[] ReadLabels(IdxFile labels)
    {
        byte[] classes = new byte[labels.Items];
        foreach (ref byte label in classes.AsSpan())
        {
            labels.ReadItem(new Span<byte>(ref label));
            if (label >= Classes)
                throw labels.Damaged($"it has the label {label}, which is none of 0 to {Classes - 1}");
        }
        labels.ExpectEnd();
        return classes;
    }

    /// <summary>Reads the file to its end, so that damage anywhere is seen, and keeps what is chosen.</summary>
    private static void Fill(IdxFile images, int[] chosen, Span<byte> pixels)
    {
        int[] places = new int[images.Items];
        Array.Fill(places, -1);
        for (int place = 0; place < chosen.Length; place++)
            places[chosen[place]] = place;

        Span<byte> passedOver = stackalloc byte[Pixels];
        foreach (int place in places)
            images.ReadItem(place < 0 ? passedOver : pixels.Slice(place * Pixels, Pixels));
        images.ExpectEnd();
    }
}
