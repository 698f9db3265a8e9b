using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Quorate.Shared.Processes;

namespace Quorate.Cli.Demo;

/// <summary>A coordinator or trainer of the demo.</summary>
internal sealed partial class ChildProcess : IDisposable
{
    /// <summary>
    /// Set in every process of a demo and inherited by its children, so that <see cref="KillOrphans"/> can find them.
    /// </summary>
    private const string Mark = "QUORATE_DEMO_FOLDER";

    private readonly ChildProgram _child;

    private ChildProcess(string name, string log, ChildProgram child) => (Name, Log, _child) = (name, log, child);

    /// <summary>For people: "node 1", "trainer 3".</summary>
    public string Name { get; }

    public string Log { get; }

    public bool HasExited => _child.HasExited;

    public int ExitCode => _child.ExitCode;

    /// <summary>Peak resident memory in bytes when it was last sampled; 0 if /proc does not say.</summary>
    public long PeakBytes { get; private set; }

    /// <param name="niceness">0 for coordinators, more for trainers, so that heartbeats come before training.</param>
    public static ChildProcess Start(
        string name, DemoFolder folder, int niceness, string program, params string[] arguments)
    {
        string log = Path.Combine(folder.Logs, name.Replace(' ', '-') + ".log");
        return new ChildProcess(name, log, ChildProgram.Start(
            program, log, arguments, niceness: niceness, folder: Programs.Root,
            environment: [("DOTNET_NOLOGO", "1"), (Mark, folder.Path)]));
    }

    /// <summary>Reads its peak memory. Call it regularly: an ended process has no figures.</summary>
    public void Sample()
    {
        if (_child.TryReadFigure("status", "VmHWM", out long bytes)) PeakBytes = Math.Max(PeakBytes, bytes);
    }

    /// <summary>kill -9 of this process alone.</summary>
    public void Kill()
    {
        Sample();
        _child.Kill();
    }

    /// <summary>The last lines of its log.</summary>
    public IEnumerable<string> LastLines(int count) => File.Exists(Log) ? File.ReadLines(Log).TakeLast(count) : [];

    /// <summary>Whether its log says that it trained a round more than once.</summary>
    public bool Retrained(int round) => RoundsTrainedTwice(LastLines(int.MaxValue)).Contains(round);

    public void Dispose() => _child.Dispose();

    /// <summary>Kills processes that processes of the demo in <paramref name="folder"/> started and left
    /// behind.</summary>
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
                // It has ended in the meantime, or belongs to another user.
            }
        }
    }

    /// <summary>Rounds that a trainer's log lists more than once. It has one line for each finished training.</summary>
    public static IReadOnlySet<int> RoundsTrainedTwice(IEnumerable<string> log) => log
        .Select(line => Trained().Match(line))
        .Where(match => match.Success)
        .GroupBy(match => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))
        .Where(round => round.Count() > 1)
        .Select(round => round.Key)
        .ToHashSet();

    [GeneratedRegex(@"trained round (\d{1,9})\b")]
    private static partial Regex Trained();
}
