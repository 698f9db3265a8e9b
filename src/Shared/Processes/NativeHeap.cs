using System.Runtime.InteropServices;

namespace Quorate.Shared.Processes;

/// <summary>
/// The C library's heap, which serves the runtime, OpenSSL and libtorch. A setting holds for memory taken afterwards,
/// so a program sets it as it starts. With another C library than glibc nothing happens.
/// </summary>
public static partial class NativeHeap
{
    /// <summary>Parameters of mallopt, from glibc's malloc.h. It accepts an mmap threshold of at most 32 MiB.</summary>
    private const int TrimThreshold = -1, MmapThreshold = -3, Arenas = -8;

    /// <summary>
    /// One heap for all threads. By default glibc gives each new thread its own heap, up to eight per core, and memory
    /// freed in one is not used by another: a coordinator's sixteen grew for hours, to 15 to 23 MB in all.
    /// </summary>
    public static void Share() => Set((Arenas, 1));

    /// <summary>
    /// For a program that frees tens of MB and takes them again: one heap, which keeps freed memory. By default glibc
    /// returns such pages to the kernel each time and faults them in again.
    /// </summary>
    public static void KeepFreed() => Set((MmapThreshold, 32 << 20), (TrimThreshold, 256 << 20), (Arenas, 1));

    /// <summary>
    /// Returns free memory to the kernel. Small pieces in use keep glibc from doing so: after twenty minutes of rounds,
    /// 7 MB of a coordinator's 19 were in use.
    /// </summary>
    public static void Trim()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = TrimHeaps(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library.
        }
    }

    private static void Set(params ReadOnlySpan<(int What, int Value)> settings)
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            foreach (var (what, value) in settings) _ = SetAllocation(what, value);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetAllocation(int what, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimHeaps(nuint keep);
}
