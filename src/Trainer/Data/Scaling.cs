using System.Diagnostics;
using Quorate.Shared.Runs;

namespace Quorate.Trainer.Data;

/// <summary>What a pixel of 0..255 becomes: pixel x <see cref="Factor"/> + <see cref="Offset"/>.</summary>
internal readonly record struct Scaling(float Factor, float Offset)
{
    /// <summary>Mean of MNIST's 60,000 training images, of pixels scaled to 0..1; a test computes it from the
    /// files.</summary>
    public const double MnistMean = 0.1307;

    /// <summary>Their standard deviation.</summary>
    public const double MnistDeviation = 0.3081;

    public static Scaling Of(Normalisation normalisation) => normalisation switch
    {
        Normalisation.None => new(1f / 255, 0),
        Normalisation.MeanStd => new((float)(1 / (255 * MnistDeviation)), (float)(-MnistMean / MnistDeviation)),
        _ => throw new UnreachableException($"No normalisation is called {normalisation}."),
    };
}
