using Quorate.Shared.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Quorate.Trainer.Native;

/// <summary>The device that <c>--device</c> names.</summary>
internal static class Devices
{
    public const string Auto = "auto";

    /// <summary>
    /// auto is the first CUDA device, or the CPU where there is none. cuda is device 0, cuda:N is device N. Call it
    /// right after <see cref="TorchLibrary.Load"/>: libtorch remembers "no CUDA" if it is asked before its CUDA half is
    /// loaded.
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
                ? $"--device {word} is not here: CUDA sees {PlainText.Count(found, "device")}; use another, or "
                  + "--device cpu."
                : $"--device {word} needs CUDA, which this libtorch lacks: build with -p:TorchBackend=cuda, "
                  + "or use --device cpu.");
    }
}
