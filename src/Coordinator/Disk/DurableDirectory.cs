using System.Runtime.InteropServices;

namespace Quorate.Coordinator.Disk;

/// <summary>
/// Makes file names durable. Flushing a file saves its bytes; its name is part of the directory, and only flushing the
/// directory saves it. .NET cannot open directories, hence the C functions.
/// </summary>
public static partial class DurableDirectory
{
    // O_DIRECTORY has a different value on each processor; it is left out, because fsync of a file is harmless.
    // O_CLOEXEC keeps the descriptor out of child processes.
    private const int OpenReadOnly = 0;
    private const int CloseOnExec = 0x80000;
    private const int Interrupted = 4;

    /// <summary>
    /// Returns once every creation, renaming and removal inside <paramref name="path"/> has reached the disk.
    /// On Windows it does nothing: NTFS journals names itself.
    /// </summary>
    /// <exception cref="IOException">The directory cannot be opened, or the disk reports a failure.</exception>
    public static void Flush(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (OperatingSystem.IsWindows()) return;

        // macOS has another value for O_CLOEXEC; without the flag the short-lived descriptor is inheritable.
        int descriptor = Retry(() => Open(path, OperatingSystem.IsLinux() ? OpenReadOnly | CloseOnExec : OpenReadOnly));
        if (descriptor < 0) throw Failure("open", path);
        try
        {
            if (Retry(() => Sync(descriptor)) < 0) throw Failure("flush", path);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>
    /// Creates <paramref name="path"/> with all missing parents, durably; does nothing if it exists.
    /// </summary>
    /// <exception cref="IOException">A directory cannot be created or flushed.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not create it.</exception>
    public static void Create(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Directory.Exists(full)) return;
        if (Path.GetDirectoryName(full) is { } parent)
        {
            Create(parent);
            Directory.CreateDirectory(full);
            Flush(parent);
        }
    }

    /// <summary>
    /// Writes a small file durably. After a power failure it has its old content or all of the new one.
    /// </summary>
    /// <exception cref="IOException">The disk is full, or failed.</exception>
    public static void WriteFile(string path, string text)
    {
        string draft = path + ".new";
        using (var file = new FileStream(draft, FileMode.Create, FileAccess.Write))
        {
            file.Write(System.Text.Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path, overwrite: true);
        Flush(Path.GetDirectoryName(path)!);
    }

    private static int Retry(Func<int> call)
    {
        int result;
        do result = call();
        while (result < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        return result;
    }

    private static IOException Failure(string verb, string path) => new(
        $"Cannot {verb} the directory {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}.");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
