using TorchSharp;
using static TorchSharp.torch;

namespace Quorate.Trainer.Native;

/// <summary>The device that a user's word names.</summary>
internal static class Devices
{
    public const string Auto = "auto";

    /// <summary>
    /// auto: the first CUDA device where there is one, else the CPU. cpu. cuda, cuda:N: that device or none. Call it
    /// once, right after <see cref="TorchLibrary.Load"/>: libtorch remembers "no CUDA" if something asks before its
    /// CUDA half is loaded.
    /// </summary>
    /// <exception cref="TrainerException">The word names no device, or one that is not here.</exception>
    public static Device Choose(string word)
    {
        if (word == "cpu")
            return CPU;
        int index = 0;
        bool cuda = word == "cuda"
            || (word.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(word.AsSpan(5), out index)
                && index >= 0);
        if (!cuda && word != Auto)
            throw new TrainerException($"--device {word} names no device: use auto, cpu, cuda or cuda:N.");

        int found = TorchLibrary.HasCuda && TryInitializeDeviceType(DeviceType.CUDA) ? torch.cuda.device_count() : 0;
        if (index < found)
            return new Device(DeviceType.CUDA, index);
        return !cuda ? CPU : throw new TrainerException(
            TorchLibrary.HasCuda
                ? $"--device {word} is not here: CUDA sees {found} device(s); use another, or --device cpu."
                : $"--device {word} needs CUDA, which this libtorch lacks: build with -p:TorchBackend=cuda, "
                  + "or use --device cpu.");
    }
}
