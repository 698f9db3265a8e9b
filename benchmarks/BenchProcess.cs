using System.Diagnostics;
using System.Globalization;
using Quorate.Shared.Processes;

namespace Quorate.Benchmarks;

/// <summary>
/// A coordinator or a process of trainers, its output in a log, and what /proc says of it. It ends when this process
/// does: its input is a pipe from here, and QUORATE_EXIT_ON_STDIN_CLOSE makes it watch that.
/// </summary>
internal sealed class BenchProcess : IDisposable
{
    /// <summary>Linux counts a process's time in hundredths of a second (USER_HZ).</summary>
    private const double MsPerTick = 10;

    private readonly Process _process;

    private BenchProcess(string name, Process process) => (Name, _process) = (name, process);

    public string Name { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Milliseconds of processor time, user and system, so far; steps of 10 ms.</summary>
    public double CpuMs
    {
        get
        {
            string stat = File.ReadAllText($"/proc/{_process.Id}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return MsPerTick * (Number(fields[11]) + Number(fields[12]));
        }
    }

    /// <summary>Peak resident memory in MB (10^6 bytes), as the kernel counts it: VmHWM.</summary>
    public double PeakMb => Field("status", "VmHWM:") * 1024 / 1e6;

    /// <summary>Bytes that this process caused to be sent to the disk.</summary>
    public long DiskBytes => Field("io", "write_bytes:");

    public static BenchProcess Start(string name, string log, string program, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, UseShellExecute = false };
        // A shell, because only it can point an output at a file; exec, so that the process has the id started here.
        foreach (string argument in (string[])["-c", "exec \"$0\" \"$@\" >\"$BENCH_LOG\" 2>\"$BENCH_LOG.err\"",
            DotnetHost.Path,
            program, .. arguments])
            start.ArgumentList.Add(argument);
        start.Environment["BENCH_LOG"] = log;
        start.Environment["QUORATE_EXIT_ON_STDIN_CLOSE"] = "1";
        var process = Process.Start(start) ?? throw new InvalidOperationException("A shell is always a new process.");
        return new BenchProcess(name, process);
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private long Field(string file, string key) => Number(
        File.ReadLines($"/proc/{_process.Id}/{file}").First(line => line.StartsWith(key, StringComparison.Ordinal))
            [key.Length..].Replace("kB", "", StringComparison.Ordinal));

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
