using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Quorate.Benchmarks;

/// <summary>
/// How often the coordinators flush to the disk (fsync, fdatasync, msync) in a round. Because strace slows the
/// processes, it counts in additional rounds after the measured ones. Calls between two announcements are counted by
/// the wall clock, which both sides share.
/// </summary>
internal sealed partial class FlushCount(string folder, int rounds, TimeProvider time) : IDisposable
{
    private readonly List<Process> _tracers = [];
    private readonly List<DateTimeOffset> _announced = [];

    /// <summary>Whether strace is on the PATH.</summary>
    public static bool Available => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Any(place => place.Length > 0 && File.Exists(Path.Combine(place, "strace")));

    public void Attach(IEnumerable<BenchProcess> coordinators)
    {
        if (rounds == 0) return;
        foreach (var coordinator in coordinators)
            _tracers.Add(Process.Start(new ProcessStartInfo(
                "strace", ["-f", "-ttt", "-qq", "-e", "trace=fsync,fdatasync,msync", "-o",
                    LogOf(_tracers.Count), "-p", $"{coordinator.Id}"]) { RedirectStandardError = true })!);
    }

    /// <summary>A round was announced. The tracers are attached in the first one.</summary>
    public void Announced() => _announced.Add(time.GetUtcNow());

    /// <summary>Flushes of all three coordinators in a round; null if nothing was counted.</summary>
    public async Task<double?> PerRoundAsync(CancellationToken token)
    {
        foreach (var tracer in _tracers)
        {
            using var interrupt = Process.Start("kill", ["-INT", $"{tracer.Id}"]);
            await interrupt.WaitForExitAsync(token);
            await tracer.WaitForExitAsync(token);
        }
        // The round in which strace was attached is not counted.
        if (_tracers.Count == 0 || _announced.Count < 3) return null;
        double from = Seconds(_announced[1]), to = Seconds(_announced[^1]);
        if (!Enumerable.Range(0, _tracers.Count).All(i => File.Exists(LogOf(i)))) return null;
        int calls = Enumerable.Range(0, _tracers.Count).SelectMany(i => File.ReadLines(LogOf(i)))
            .Count(line => StartOf(line) is { } at && at >= from && at < to);
        return calls == 0 ? null : (double)calls / (_announced.Count - 2);
    }

    public void Dispose()
    {
        foreach (var tracer in _tracers)
        {
            if (!tracer.HasExited) tracer.Kill();
            tracer.Dispose();
        }
    }

    /// <summary>When a call began, in Unix seconds; null if the line reports the end of a call.</summary>
    internal static double? StartOf(string line) => Started().Match(line) is { Success: true } call
        ? double.Parse(call.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
        : null;

    private string LogOf(int tracer) => Path.Combine(folder, $"strace-{tracer}.log");

    private static double Seconds(DateTimeOffset at) => at.ToUnixTimeMilliseconds() / 1e3;

    [GeneratedRegex(@"^\d+ +(\d+\.\d+) (fsync|fdatasync|msync)\(", RegexOptions.CultureInvariant)]
    private static partial Regex Started();
}
