using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Coordinator.Disk;

/// <summary>
/// Starts writing a blob to the disk while it still arrives. Otherwise the kernel keeps the bytes in memory until the
/// final flush, and the sender of a large blob waits for all of them at once. It gives no guarantee; the flush does.
/// </summary>
internal static partial class EarlyWriting
{
    /// <summary>
    /// A full span is handed to the disk, about 10 ms of its time. Smaller blobs are not started early: with spans of
    /// 2 MiB, twenty updates of 4.8 MB took 6 % more processor time and saved nothing.
    /// </summary>
    private const long SpanBytes = 8 << 20;

    private const uint BeginWriting = 2; // SYNC_FILE_RANGE_WRITE

    /// <summary>Called after bytes were written in order; starts the full spans among them on a disk thread.</summary>
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
            // The blob is complete or was abandoned.
        }
    }

    [LibraryImport("libc", EntryPoint = "sync_file_range")]
    private static partial int SyncFileRange(SafeFileHandle file, long offset, long count, uint flags);
}
