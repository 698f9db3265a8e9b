using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Coordinator.Disk;

/// <summary>What the kernel keeps of files in memory.</summary>
internal static partial class PageCache
{
    private const int DontNeed = 4; // POSIX_FADV_DONTNEED on Linux, but for s390x, where it means nothing.

    /// <summary>
    /// Lets the kernel forget the bytes of a file in memory, those that are on the disk. A later read takes them from
    /// there. Elsewhere than on Linux it does nothing.
    /// </summary>
    public static void Forget(SafeFileHandle file)
    {
        // It is advice: where it cannot be taken, nothing is lost.
        if (OperatingSystem.IsLinux()) _ = Advise(file, 0, 0, DontNeed);
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
