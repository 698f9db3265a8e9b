using System.Runtime.InteropServices;
using System.Runtime.Loader;
using Quorate.Shared.Processes;
using TorchSharp;

namespace Quorate.Trainer.Native;

/// <summary>
/// Loads libtorch from a folder. Invariant: <see cref="Load"/> is called before anything else of TorchSharp. TorchSharp
/// asks the runtime for "LibTorchSharp". The runtime does not find it beside the program, because the build keeps
/// libtorch in one folder for all programs (eng/Libtorch.targets), and asks here.
/// </summary>
internal static partial class TorchLibrary
{
    /// <summary>The environment variable that names a folder with libtorch 2.10, for builds with
    /// <c>-p:TorchBackend=external</c>.</summary>
    public const string FolderVariable = "QUORATE_LIBTORCH";

    /// <summary>The folder beside the program where a build or a publish puts its own libtorch.</summary>
    public const string BuiltFolder = "libtorch";

    private const string Shim = "libLibTorchSharp.so";
    private const string Core = "libtorch_cpu.so";

    /// <summary>dlopen's flag for binding every symbol at once (dlfcn.h).</summary>
    private const int BindNow = 2;

    private static readonly Lock _gate = new();
    private static bool _loaded;

    /// <summary>Whether the libtorch that was loaded comes with its CUDA half.</summary>
    public static bool HasCuda { get; private set; }

    /// <summary>
    /// Loads libtorch and sets it to one thread. Beside other processes, two OpenMP threads ran six times slower than
    /// one; and one thread adds in one order, which makes training on a CPU reproducible bit by bit. Later calls do
    /// nothing.
    /// </summary>
    /// <param name="folder">Where libtorch is; null for <see cref="FolderVariable"/>, and without that the build's
    /// own.</param>
    /// <exception cref="TrainerException">libtorch is not there, or is of another version.</exception>
    public static void Load(string? folder = null)
    {
        lock (_gate)
        {
            if (_loaded)
                return;
            string built = Path.Combine(AppContext.BaseDirectory, BuiltFolder);
            string chosen = Choose(folder ?? Environment.GetEnvironmentVariable(FolderVariable), built);
            string shim = new[] { chosen, built }.Select(f => Path.Combine(f, Shim)).FirstOrDefault(File.Exists)
                ?? throw new TrainerException(
                    $"{Shim} is neither in {chosen} nor in {built}: build the Trainer again.");
            Open(chosen, shim);
            HasCuda = File.Exists(Path.Combine(chosen, "libtorch_cuda.so"));
            torch.set_num_threads(1);
            // A training step frees all that it took, some tens of MB: 150,000 page faults an epoch without this line,
            // 37,000 with it.
            NativeHeap.KeepFreed();
            _loaded = true;
        }
    }

    private static string Choose(string? named, string built)
    {
        // CUDA packages put libtorch beside the program.
        string[] candidates = string.IsNullOrEmpty(named)
            ? [built, AppContext.BaseDirectory]
            : [Path.GetFullPath(named), Path.Combine(Path.GetFullPath(named), "lib")];
        return candidates.FirstOrDefault(f => File.Exists(Path.Combine(f, Core))) ?? throw new TrainerException(
            $"libtorch is missing: there is no {Core} in {candidates[0]}; set {FolderVariable} (or --libtorch) to the "
            + "folder of a libtorch 2.10, or build the Trainer with -p:TorchBackend=cpu.");
    }

    private static void Open(string folder, string shim)
    {
        // The shim depends on these. Once they are loaded by path, the loader finds them by name.
        foreach (string library in new[] { "libc10.so", Core, "libtorch.so" })
        {
            if (!NativeLibrary.TryLoad(Path.Combine(folder, library), out _))
                throw new TrainerException($"{Path.Combine(folder, library)} cannot be loaded: {LastError()}.");
        }

        // Bound at once: a function that another libtorch lacks would otherwise end the process at its first call.
        nint handle = OpenLibrary(shim, BindNow);
        if (handle == 0)
        {
            throw new TrainerException(
                $"the libtorch in {folder} does not fit TorchSharp, which needs libtorch 2.10: {LastError()}.");
        }

        AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) =>
            name == "LibTorchSharp" ? handle
            : NativeLibrary.TryLoad(Path.Combine(folder, $"lib{name}.so"), out nint other) ? other : 0;
    }

    private static string LastError() => Marshal.PtrToStringUTF8(GetError()) ?? "no reason given";

    [LibraryImport("libc", EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint OpenLibrary(string path, int flags);

    [LibraryImport("libc", EntryPoint = "dlerror")]
    private static partial nint GetError();
}
