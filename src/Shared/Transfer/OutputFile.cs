using System.Runtime.InteropServices;

namespace Quorate.Shared.Transfer;

/// <summary>
/// A file that a user named for a result. Results are written beside it and renamed, so it appears whole or not at all;
/// but a rename replaces whatever has that name. So a link is followed to the file that it names, and nothing but a
/// plain file is ever replaced.
/// </summary>
public static partial class OutputFile
{
    /// <summary>For statx, from linux/fcntl.h and linux/stat.h: the current folder, and the mask for a file's type.
    /// </summary>
    private const int CurrentFolder = -100, TypeMask = 1;

    /// <summary>Bytes of a statx structure, and where the mode is in it: the same on all processors.</summary>
    private const int StatxBytes = 256, ModeAt = 28;

    private const int KindMask = 0xF000, PlainFile = 0x8000, Folder = 0x4000;

    /// <summary>
    /// The file to write for <paramref name="path"/>, once it is certain that it can be written. Called before the
    /// work: a result that cannot be kept costs nothing. Its folder is made; a file that is there stays as it is.
    /// </summary>
    /// <param name="draft">What is added to the name while it is written.</param>
    /// <param name="advice">A sentence that says what to do if the disk or the rights do not allow it.</param>
    /// <returns>The whole path, of the linked file if <paramref name="path"/> is a link.</returns>
    /// <exception cref="IOException">It cannot be written; one sentence for the user.</exception>
    public static string Prepare(string path, string draft, string advice = "Name another file.")
    {
        try
        {
            string file = Path.GetFullPath(path);
            // A link in /proc, such as /dev/stdout, may name what no path leads to: what it is decides first.
            RequirePlain(path, file);
            var link = new FileInfo(file);
            if (link.LinkTarget is not null) file = link.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
            RequirePlain(path, file + draft);
            Directory.CreateDirectory(Path.GetDirectoryName(file) ?? file);
            bool isThere = File.Exists(file + draft);
            File.OpenHandle(file + draft, FileMode.OpenOrCreate, FileAccess.Write).Dispose();
            if (!isThere) File.Delete(file + draft);
            return file;
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException and not OutputFileException))
        {
            throw new OutputFileException($"{path} cannot be written: {e.Message} {advice}", e);
        }
    }

    private static void RequirePlain(string named, string file)
    {
        int kind = KindOf(file);
        if (kind is 0 or PlainFile) return;
        string also = Path.GetFullPath(named) == file ? "" : $" ({file})";
        throw new OutputFileException(kind == Folder
            ? $"{named}{also} is a folder: name a file in it."
            : $"{named}{also} is a pipe or a device, and a model is written only to a plain file: name a file.");
    }

    /// <summary>The kind of what has this name, links followed; 0: nothing has it.</summary>
    private static int KindOf(string path)
    {
        if (!OperatingSystem.IsLinux()) return Directory.Exists(path) ? Folder : 0;
        Span<byte> status = stackalloc byte[StatxBytes];
        return Statx(CurrentFolder, path, 0, TypeMask, ref MemoryMarshal.GetReference(status)) != 0
            ? 0
            : MemoryMarshal.Read<ushort>(status[ModeAt..]) & KindMask;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, ref byte status);
}

/// <summary>A user's output file cannot be written; the message is one sentence for the user.</summary>
public sealed class OutputFileException(string sentence, Exception? inner = null) : IOException(sentence, inner);
