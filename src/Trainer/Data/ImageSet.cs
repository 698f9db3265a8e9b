using System.Diagnostics;
using Quorate.Shared.Runs;
using static TorchSharp.torch;

namespace Quorate.Trainer.Data;

/// <summary>
/// Images and labels as two tensors on one device, and batches of them. The pixels stay bytes, a quarter of what floats
/// take, until a batch is drawn.
/// </summary>
internal sealed class ImageSet : IDisposable
{
    private readonly Tensor _pixels;
    private readonly Tensor _labels;
    private readonly Scaling _scaling;

    /// <summary>Takes over <paramref name="pixels"/>, bytes of shape [n, 1, 28, 28], and <paramref name="labels"/>,
    /// int64 of shape [n].</summary>
    public ImageSet(Tensor pixels, Tensor labels, Scaling scaling, Device device)
    {
        _pixels = pixels.to(device, disposeAfter: true);
        _labels = labels.to(device, disposeAfter: true);
        _scaling = scaling;
    }

    public int Count => (int)_labels.shape[0];

    /// <summary>The examples at these places, in this order.</summary>
    public (Tensor Images, Tensor Labels) Batch(ReadOnlySpan<int> places)
    {
        using Tensor index = tensor([.. places], dtype: ScalarType.Int32, device: _labels.device);
        return (Scaled(_pixels.index_select(0, index)), _labels.index_select(0, index));
    }

    /// <summary>The <paramref name="count"/> examples from <paramref name="first"/> on.</summary>
    public (Tensor Images, Tensor Labels) Slice(int first, int count) =>
        (Scaled(_pixels.narrow(0, first, count)), _labels.narrow(0, first, count));

    public void Dispose()
    {
        _pixels.Dispose();
        _labels.Dispose();
    }

    private Tensor Scaled(Tensor bytes) =>
        bytes.to_type(ScalarType.Float32).mul_(_scaling.Factor).add_(_scaling.Offset);
}

/// <summary>What a pixel of 0..255 becomes: pixel x <see cref="Factor"/> + <see cref="Offset"/>.</summary>
internal readonly record struct Scaling(float Factor, float Offset)
{
    /// <param name="mean">Of the data set's training pixels, scaled to 0..1.</param>
    /// <param name="deviation">Their standard deviation.</param>
    public static Scaling Of(Normalisation normalisation, double mean, double deviation) => normalisation switch
    {
        Normalisation.None => new(1f / 255, 0),
        Normalisation.MeanStd => new((float)(1 / (255 * deviation)), (float)(-mean / deviation)),
        _ => throw new UnreachableException($"No normalisation is called {normalisation}."),
    };
}
