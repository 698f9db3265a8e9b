using System.Runtime.CompilerServices;
using Quorate.Trainer.Native;

namespace Quorate.Torch;

/// <summary>The Trainer's build output: the only folder that holds libtorch, and the program for tests of two processes.</summary>
internal static class TrainerOutput
{
    public static readonly string Folder =
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../Trainer/release"));

    public static readonly string Program = Path.Combine(Folder, "Quorate.Trainer.dll");

    [ModuleInitializer]
    internal static void LoadTorch() => TorchLibrary.Load(Path.Combine(Folder, TorchLibrary.BuiltFolder));
}
