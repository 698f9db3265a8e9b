using static TorchSharp.torch;

namespace Quorate.Trainer.Data;

/// <summary>
/// Images and labels as two tensors on one device, and batches of them. The pixels stay bytes, a quarter of what floats
/// take, until a batch is drawn.
/// </summary>
internal sealed class ImageSet : IDisposable
{
    private readonly Tensor pixels;
    private readonly Tensor labels;
    private readonly Scaling scaling;

    /// <summary>Takes over <paramref name="pixels"/>, bytes of shape [n, 1, 28, 28], and <paramref name="labels"/>,
    /// int64 of shape [n].</summary>
    public ImageSet(Tensor pixels, Tensor labels, Scaling scaling, Device device)
    {
        this.pixels = pixels.to(device, disposeAfter: true);
        this.labels = labels.to(device, disposeAfter: true);
        this.scaling = scaling;
    }

    public int Count => (int)labels.shape[0];

    /// <summary>The examples at these places, in this order.</summary>
    public (Tensor Images, Tensor Labels) Batch(ReadOnlySpan<int> places)
    {
        using Tensor index = tensor([.. places], dtype: ScalarType.Int32, device: labels.device);
        return (Scaled(pixels.index_select(0, index)), labels.index_select(0, index));
    }

    /// <summary>The <paramref name="count"/> examples from <paramref name="first"/> on.</summary>
    public (Tensor Images, Tensor Labels) Slice(int first, int count) =>
        (Scaled(pixels.narrow(0, first, count)), labels.narrow(0, first, count));

    public void Dispose()
    {
        pixels.Dispose();
        labels.Dispose();
    }

    private Tensor Scaled(Tensor bytes) => bytes.to_type(ScalarType.Float32).mul_(scaling.Factor).add_(scaling.Offset);
}
