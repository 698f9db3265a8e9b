using System.Runtime.InteropServices;
using System.Text;

namespace Quorate.Shared.Processes;

/// <summary>
/// What a program does first, before it loads anything else: it makes sure that it can run, and that what it prints
/// arrives or is reported.
/// <para>
/// .NET's console ignores a reader that is gone, so a program would print for ever into a pipe that nobody reads. And a
/// program that is started with a closed standard output opens its next file under that number: lines for the user
/// would be written into a log or a connection.
/// </para>
/// </summary>
public static partial class StandardStreams
{
    /// <summary>From asm-generic/fcntl.h, resource.h and errno-base.h.</summary>
    private const int GetDescriptorFlags = 1, CloseOnExec = 1, OpenFiles = 7;
    private const int Interrupted = 4, TryAgain = 11, BrokenPipe = 32;

    /// <summary>POLLOUT of asm-generic/poll.h.</summary>
    private const short CanWriteNow = 4;

    /// <summary>/dev/null in the place of closed streams, for as long as the process lives.</summary>
    private static readonly List<IDisposable> _fillers = [];

    /// <param name="openFilesMin">The files that the program opens with its own libraries.</param>
    /// <param name="isLog">Lines that cannot be written are lost, as those on the error output always are. Otherwise
    /// they are an <see cref="OutputLostException"/>.</param>
    /// <returns>False: the program cannot run; the reason is on its error output.</returns>
    public static bool TryOpen(long openFilesMin, bool isLog)
    {
        if (!OperatingSystem.IsLinux()) return true;
        // No other class is used before this check: without files to open, its library could not be loaded.
        if (OpenFilesMax() is var allowed && allowed < openFilesMin)
        {
            string sentence = $"The limit of open files (ulimit -n) is {allowed} for this process, and it needs "
                + $"{openFilesMin}: raise it and start again.\n";
            _ = WriteSome(2, Encoding.UTF8.GetBytes(sentence));
            return false;
        }
        bool[] wasClosed = [.. Enumerable.Range(0, 3).Select(WasClosed)];
        if (wasClosed[1] || Console.IsOutputRedirected) Console.SetOut(Writer(1, wasClosed[1], isLog));
        if (wasClosed[2] || Console.IsErrorRedirected) Console.SetError(Writer(2, wasClosed[2], isLossy: true));
        return true;
    }

    /// <summary>How many files this process may open. Elsewhere than on Linux there is no limit, or it is high.
    /// </summary>
    public static long OpenFilesMax() =>
        OperatingSystem.IsLinux() && GetLimit(OpenFiles, out var limit) == 0
            ? (long)Math.Min(limit.Current, long.MaxValue)
            : long.MaxValue;

    /// <summary>
    /// Whether the process was started without this stream. Everything that this process opened itself is closed on
    /// exec, and what it was started with cannot be.
    /// </summary>
    private static bool WasClosed(int stream)
    {
        int flags = GetFlags(stream, GetDescriptorFlags);
        if (flags >= 0) return (flags & CloseOnExec) != 0;
        // The lowest free number is the one that the kernel gives.
        _fillers.Add(File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite));
        return true;
    }

    private static TextWriter Writer(int stream, bool isClosed, bool isLossy) => TextWriter.Synchronized(
        new StreamWriter(new Output(stream, isClosed, isLossy), new UTF8Encoding(false)) { AutoFlush = true });

    private static nint WriteSome(int stream, ReadOnlySpan<byte> bytes) =>
        Write(stream, ref MemoryMarshal.GetReference(bytes), bytes.Length);

    private sealed class Output(int stream, bool isClosed, bool isLossy) : Stream
    {
        /// <summary>How long to wait for a reader that is slow, before the next look.</summary>
        private const int WaitMilliseconds = 1000;

        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        /// <exception cref="OutputLostException">The bytes did not arrive.</exception>
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (isClosed && !isLossy) throw new OutputLostException("it is closed", isReaderGone: false);
            var ready = new PollFile(stream, CanWriteNow, 0);
            while (!isClosed && buffer.Length > 0)
            {
                nint written = WriteSome(stream, buffer);
                int error = written < 0 ? Marshal.GetLastPInvokeError() : 0;
                if (written >= 0) buffer = buffer[(int)written..];
                else if (error == TryAgain) _ = Poll(ref ready, 1, WaitMilliseconds);
                else if (error != Interrupted && isLossy) return;
                else if (error != Interrupted)
                    throw new OutputLostException(Marshal.GetPInvokeErrorMessage(error), error == BrokenPipe);
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int GetFlags(int file, int command);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int file, ref byte bytes, nint count);

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(ref PollFile file, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct PollFile(int File, short Wanted, short Ready);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Limit
    {
        public readonly ulong Current;
        public readonly ulong Max;
    }
}

/// <summary>What the program prints does not arrive.</summary>
/// <param name="isReaderGone">The reader has ended, as <c>head</c> does: it has what it wanted.</param>
public sealed class OutputLostException(string why, bool isReaderGone)
    : IOException($"The standard output cannot be written: {why}.")
{
    /// <summary>As shells count it: 128 + SIGPIPE, of which other programs die.</summary>
    private const int ReaderGoneCode = 141;

    private const int RefusedCode = 2;

    /// <summary>Says on the error output what was lost, except to a reader that is gone.</summary>
    /// <returns>The program's exit code.</returns>
    public int Report()
    {
        if (isReaderGone) return ReaderGoneCode;
        Console.Error.WriteLine(Message);
        return RefusedCode;
    }
}
