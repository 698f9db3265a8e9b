using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Coordinator.Disk;

/// <summary>
/// Lets the disk begin while a blob still comes. Left alone, the kernel keeps what is written in memory until the flush
/// at the end, and a large blob's sender then waits for all of it at once. Promises nothing: the flush does.
/// </summary>
internal static partial class EarlyWriting
{
    /// <summary>
    /// A span that is full is handed to the disk: some 10 ms of its time. Smaller blobs are not begun: with 2 MiB,
    /// twenty updates of 4.8 MB took 6 % more processor time, and no less of any other.
    /// </summary>
    private const long SpanBytes = 8 << 20;

    private const uint BeginWriting = 2; // SYNC_FILE_RANGE_WRITE

    /// <summary>Bytes were written in order; whole spans among them are begun, on a thread of their own.</summary>
    public static void Passed(SafeFileHandle file, long offset, int count)
    {
        long from = offset / SpanBytes, to = (offset + count) / SpanBytes;
        if (from == to || !OperatingSystem.IsLinux()) return;
        _ = Task.Factory.StartNew(
            () => Begin(file, from * SpanBytes, (to - from) * SpanBytes), CancellationToken.None,
            TaskCreationOptions.DenyChildAttach, DiskThreads.All);
    }

    private static void Begin(SafeFileHandle file, long offset, long count)
    {
        try
        {
            _ = SyncFileRange(file, offset, count, BeginWriting);
        }
        catch (ObjectDisposedException)
        {
            // The blob is complete, or was given up.
        }
    }

    [LibraryImport("libc", EntryPoint = "sync_file_range")]
    private static partial int SyncFileRange(SafeFileHandle file, long offset, long count, uint flags);
}
