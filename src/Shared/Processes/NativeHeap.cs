using System.Runtime.InteropServices;

namespace Quorate.Shared.Processes;

/// <summary>
/// The C library's heap, which the runtime, OpenSSL and libtorch take memory from. What is set here holds for what
/// is taken afterwards, so a program sets it as it starts. With another C library than glibc nothing happens.
/// </summary>
public static partial class NativeHeap
{
    /// <summary>What mallopt sets, by glibc's malloc.h; beyond 32 MiB it takes no mmap threshold.</summary>
    private const int TrimThreshold = -1, MmapThreshold = -3, Arenas = -8;

    /// <summary>
    /// One heap for all threads. By itself glibc gives each new thread a heap of its own, up to eight a core, and what
    /// is freed in one serves no other: a coordinator's sixteen grew for hours, to 15 to 23 MB together.
    /// </summary>
    public static void Share() => Set((Arenas, 1));

    /// <summary>
    /// For a program that frees tens of MB only to take them again: one heap, and freed memory is kept in it. By itself
    /// glibc hands such pages back each time and faults them in anew.
    /// </summary>
    public static void KeepFreed() => Set((MmapThreshold, 32 << 20), (TrimThreshold, 256 << 20), (Arenas, 1));

    /// <summary>
    /// Gives back to the kernel what is free. Small pieces in use keep glibc from doing so by itself: after twenty
    /// minutes of rounds 7 MB of a coordinator's 19 were in use.
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
            // Another C library: it has ways of its own.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetAllocation(int what, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimHeaps(nuint keep);
}
