using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Coordinator.Disk;

/// <summary>
/// Changes when a file is written or replaced: size, inode, and the times of the last change of its data and of its
/// status. .NET does not expose the inode; statx does, with the same layout on every processor (Linux 4.11,
/// glibc 2.28). Outside Linux no two stamps are equal, so blobs are hashed each time.
/// </summary>
public readonly partial record struct FileStamp(long Size, long Inode, long Modified, long Changed)
{
    private const int EmptyPath = 0x1000;
    private const uint BasicStats = 0x7FF;
    private static long _never;

    public static FileStamp Of(SafeFileHandle file)
    {
        if (!OperatingSystem.IsLinux()) return new FileStamp(0, 0, 0, Interlocked.Increment(ref _never));
        Span<byte> stat = stackalloc byte[256];
        if (StatX(file, "", EmptyPath, BasicStats, stat) < 0)
            throw new IOException(
                $"Cannot stat a blob: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");
        return new FileStamp(Long(stat, 40), Long(stat, 32), Time(stat, 112), Time(stat, 96));

        static long Long(ReadOnlySpan<byte> stat, int at) => BitConverter.ToInt64(stat[at..]);
        static long Time(ReadOnlySpan<byte> stat, int at) =>
            Long(stat, at) * 1_000_000_000 + BinaryPrimitives.ReadInt32LittleEndian(stat[(at + 8)..]);
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(SafeFileHandle directory, string path, int flags, uint mask, Span<byte> stat);
}
