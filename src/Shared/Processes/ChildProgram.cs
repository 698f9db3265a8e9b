using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Quorate.Shared.Processes;

/// <summary>
/// One of Quorate's programs as a child process, with its output in a log file. The file is opened by the child itself,
/// so everything written before a SIGKILL is kept. The child ends when this process ends, even after kill -9: its
/// standard input is a pipe from here, and QUORATE_EXIT_ON_STDIN_CLOSE makes it stop when the pipe closes.
/// </summary>
public sealed class ChildProgram : IDisposable
{
    private readonly Process _process;

    private ChildProgram(Process process) => _process = process;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>128 + the signal's number when a signal ended it.</summary>
    public int ExitCode => _process.ExitCode;

    /// <param name="program">Path of the program's .dll.</param>
    /// <param name="log">Its output is appended to this file.</param>
    /// <param name="errors">Its error output is appended to this file; null for the same as its output.</param>
    /// <param name="niceness">0 to 19; the child's priority is lower by this much.</param>
    /// <param name="folder">Working directory; null for the current one.</param>
    /// <param name="environment">Variables in addition to those of this process; a null value removes one.</param>
    public static ChildProgram Start(
        string program, string log, IEnumerable<string> arguments, string? errors = null, int niceness = 0,
        string? folder = null, params ReadOnlySpan<(string Name, string? Value)> environment)
    {
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, WorkingDirectory = folder };
        // A shell, because .NET cannot redirect to a file; exec, so that the child has the process id started here.
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec \"$0\" \"$@\" >>\"$QUORATE_CHILD_LOG\" 2>>\"$QUORATE_CHILD_ERRORS\"");
        string[] command = [.. DotnetHost.Start(program), .. arguments];
        if (niceness > 0) command = DotnetHost.Nice(niceness, command);
        foreach (string word in command) start.ArgumentList.Add(word);
        start.Environment["QUORATE_CHILD_LOG"] = log;
        start.Environment["QUORATE_CHILD_ERRORS"] = errors ?? log;
        start.Environment["QUORATE_EXIT_ON_STDIN_CLOSE"] = "1";
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return new ChildProgram(Process.Start(start) ?? throw new InvalidOperationException("/bin/sh did not start."));
    }

    /// <summary>Sends SIGKILL to this process alone.</summary>
    public void Kill()
    {
        if (!_process.HasExited) _process.Kill();
    }

    /// <summary>Sends a signal such as TERM, STOP or CONT.</summary>
    /// <exception cref="InvalidOperationException">The signal could not be sent.</exception>
    public async Task SignalAsync(string signal, CancellationToken token)
    {
        using var kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {_process.Id}"]);
        await kill.WaitForExitAsync(token);
        if (kill.ExitCode != 0) throw new InvalidOperationException($"kill -{signal} ended with {kill.ExitCode}.");
    }

    public Task WaitForExitAsync(CancellationToken token) => _process.WaitForExitAsync(token);

    /// <summary>A number from a file in /proc/PID, such as VmHWM of status. Kilobytes are returned as bytes.</summary>
    /// <returns>False if the process has ended, or if this system has no such file or field.</returns>
    public bool TryReadFigure(string file, string field, out long value)
    {
        value = 0;
        try
        {
            string? line = File.ReadLines($"/proc/{_process.Id}/{file}").FirstOrDefault(
                l => l.StartsWith(field + ":", StringComparison.Ordinal));
            if (line is null) return false;
            string[] words = line[(field.Length + 1)..].Split(default(char[]), StringSplitOptions.RemoveEmptyEntries);
            value = long.Parse(words[0], CultureInfo.InvariantCulture) * (words is [_, "kB"] ? 1024 : 1);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Kills it if it runs, and waits until it is gone.</summary>
    public void Dispose()
    {
        Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}

/// <summary>
/// How this process starts another .NET program: with the dotnet that runs this one. PATH is never searched, because
/// .NET is often installed where PATH does not point.
/// </summary>
public static class DotnetHost
{
    /// <summary>
    /// The dotnet executable of the running runtime: three folders above shared/Microsoft.NETCore.App/VERSION.
    /// </summary>
    public static string Path { get; } =
        System.IO.Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet"
            ? Environment.ProcessPath!
            : System.IO.Path.GetFullPath("../../../dotnet", RuntimeEnvironment.GetRuntimeDirectory());

    private static readonly string[] _nicePrograms = ["/usr/bin/nice", "/bin/nice"];

    /// <summary>The words that start a command at a lower priority; at the usual one where there is no such program.
    /// </summary>
    /// <param name="niceness">1 to 19.</param>
    public static string[] Nice(int niceness, string[] command) =>
        _nicePrograms.FirstOrDefault(File.Exists) is { } nice ? [nice, "-n", $"{niceness}", .. command] : command;

    /// <summary>The words of a command line that starts <paramref name="program"/>, a .dll or an executable.</summary>
    public static string[] Start(string program) =>
        program.EndsWith(".dll", StringComparison.Ordinal) ? [Path, program] : [program];
}
