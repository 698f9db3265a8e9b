using System.Diagnostics;
using System.Globalization;

namespace Quorate.Cli.Demo;

/// <summary>
/// A coordinator or trainer of the demo: dotnet, with its output in a log file.
/// Its standard input is a pipe from here, and QUORATE_EXIT_ON_STDIN_CLOSE makes it end when that closes: whatever ends
/// this process,
/// kill -9 included, ends it too.
/// </summary>
internal sealed class ChildProcess : IDisposable
{
    /// <summary>
    /// Set in every process of a demo and inherited by theirs: how <see cref="KillOrphans"/> knows them.
    /// </summary>
    private const string Mark = "QUORATE_DEMO_FOLDER";

    private readonly Process _process;
    private long _peakKib;

    private ChildProcess(string name, string log, Process process) => (Name, Log, _process) = (name, log, process);

    /// <summary>For people: "node 1", "trainer 3".</summary>
    public string Name { get; }

    public string Log { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>Peak resident memory so far, in bytes; 0 where /proc does not say.</summary>
    public long PeakBytes => _peakKib * 1024;

    /// <param name="nice">Added to its niceness: 0 for coordinators, more for trainers, so that heartbeats come before
    /// training.</param>
    public static ChildProcess Start(string name, DemoFolder folder, int nice, string program,
        params string[] arguments)
    {
        string log = Path.Combine(folder.Logs, name.Replace(' ', '-') + ".log");
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, UseShellExecute = false,
            WorkingDirectory = Programs.Root };
        // exec: the process has the id that was started. A shell, because only it can point an output at a file.
        foreach (string argument in (string[])["-c", "exec \"$0\" \"$@\" >>\"$QUORATE_LOG\" 2>&1", "nice", "-n",
            $"{nice}", Programs.Dotnet, program, .. arguments])
            start.ArgumentList.Add(argument);
        start.Environment["QUORATE_LOG"] = log;
        start.Environment["QUORATE_EXIT_ON_STDIN_CLOSE"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment[Mark] = folder.Path;
        var process = Process.Start(start) ?? throw new InvalidOperationException("A shell is always a new process.");
        return new ChildProcess(name, log, process);
    }

    /// <summary>Looks at its memory. Call now and then while it runs: afterwards there is nothing to look at.</summary>
    public void Sample()
    {
        try
        {
            string? line = File.ReadLines($"/proc/{_process.Id}/status").FirstOrDefault(
                l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            if (line is not null)
                _peakKib = Math.Max(_peakKib, long.Parse(
                    line["VmHWM:".Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            // It has ended, or this is no Linux: the peak stays what it was.
        }
    }

    /// <summary>kill -9, of this process alone, and waits until it is gone.</summary>
    public void Kill()
    {
        Sample();
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>The last lines it wrote.</summary>
    public IEnumerable<string> LastLines(int count) => File.Exists(Log) ? File.ReadLines(Log).TakeLast(count) : [];

    public void Dispose() => _process.Dispose();

    /// <summary>Kills what processes of the demo in <paramref name="folder"/> have started and left behind.</summary>
    public static void KillOrphans(string folder)
    {
        string mark = $"{Mark}={folder}\0";
        foreach (string entry in Directory.Exists("/proc") ? Directory.EnumerateDirectories("/proc") : [])
        {
            if (!int.TryParse(Path.GetFileName(entry), out int id) || id == Environment.ProcessId) continue;
            try
            {
                if (File.ReadAllText($"{entry}/environ").Contains(mark, StringComparison.Ordinal))
                    using (var orphan = Process.GetProcessById(id)) orphan.Kill();
            }
            catch (Exception e) when (
                e is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException)
            {
                // Ended meanwhile, or another user's.
            }
        }
    }
}
