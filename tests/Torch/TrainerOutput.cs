using System.Runtime.CompilerServices;
using Quorate.Trainer.Native;

[assembly: CollectionBehavior(DisableTestParallelization = true)] // libtorch's random generator belongs to the process

namespace Quorate.Torch;

/// <summary>The Trainer's build output: the only folder that holds libtorch, and the program for tests of two
/// processes.</summary>
internal static class TrainerOutput
{
    public static readonly string Folder =
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../Trainer/release"));

    public static readonly string Repository = Path.GetFullPath(Path.Combine(Folder, "../../../.."));

    public static readonly string Mnist = Path.Combine(Repository, "data/mnist");

    [ModuleInitializer]
    internal static void LoadTorch() => TorchLibrary.Load(Path.Combine(Folder, TorchLibrary.BuiltFolder));
}
