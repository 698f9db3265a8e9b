using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Coordinator.Disk;

/// <summary>The kernel's copies of files in memory.</summary>
internal static partial class PageCache
{
    private const int DontNeed = 4; // POSIX_FADV_DONTNEED on Linux, except on s390x, where it does nothing.

    /// <summary>
    /// Tells the kernel to drop the bytes of a file that are already on the disk from memory. A later read takes them
    /// from the disk. Outside Linux it does nothing.
    /// </summary>
    public static void Forget(SafeFileHandle file)
    {
        // This is advice; nothing is lost if the kernel ignores it.
        if (OperatingSystem.IsLinux()) _ = Advise(file, 0, 0, DontNeed);
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
