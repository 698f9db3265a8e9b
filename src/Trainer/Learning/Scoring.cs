using Quorate.Trainer.Data;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Quorate.Trainer.Learning;

/// <summary>How good a model is.</summary>
/// <param name="Loss">Mean cross-entropy.</param>
/// <param name="Accuracy">Share of images classified right, 0..1.</param>
/// <param name="Images">Images scored on.</param>
internal sealed record Score(double Loss, double Accuracy, int Images);

internal static class Scoring
{
    /// <summary>Images at a time: enough that a call's overhead does not count, few enough that the activations stay in
    /// the caches.</summary>
    private const int Batch = 100;

    /// <summary>Scores a model on the first images of a set, in their order, on this thread.</summary>
    /// <param name="count">At least 1; where there are fewer images, all.</param>
    /// <param name="cancellation">Looked at between two batches.</param>
    public static Score Of(
        Module<Tensor, Tensor> model, ImageSet images, int count = int.MaxValue,
        CancellationToken cancellation = default)
    {
        using var inference = inference_mode();
        model.eval();
        double loss = 0;
        long right = 0;
        count = Math.Min(count, images.Count);
        for (int first = 0; first < count; first += Batch)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            (Tensor batch, Tensor labels) = images.Slice(first, Math.Min(Batch, count - first));
            Tensor logits = model.call(batch);
            loss += functional.cross_entropy(logits, labels, reduction: Reduction.Sum).item<float>();
            right += logits.argmax(1).eq(labels).sum().item<long>();
        }

        return new Score(loss / count, (double)right / count, count);
    }
}
