using System.Diagnostics;
using System.Globalization;

namespace Quorate.Chaos.Processes;

/// <summary>
/// One real coordinator or trainer. Its output goes straight into a file, so that nothing it said before a SIGKILL is
/// lost. It ends with this process: its standard input is a pipe of ours.
/// </summary>
public sealed class ProgramProcess : IDisposable
{
    // Beside this program, or where a canary was built (scripts/chaos-canaries.sh).
    private static readonly string _programs =
        Environment.GetEnvironmentVariable("QUORATE_CHAOS_PROGRAMS") is { Length: > 0 } built
            ? Path.GetFullPath(built)
            : Path.GetFullPath("../..", AppContext.BaseDirectory);

    /// <summary>128 + SIGKILL, as the shell says it.</summary>
    private const int KilledCode = 137;

    private readonly Process _process;

    /// <param name="program">Coordinator or Trainer.</param>
    /// <param name="id">Its <c>--id</c>.</param>
    /// <param name="crashPoint">Where it shall die by itself, see <see cref="CrashPoint"/>; null: nowhere.</param>
    public ProgramProcess(
        string program, int id, string log, IEnumerable<string> arguments, string? crashPoint = null)
    {
        (Id, CrashPoint) = (id, crashPoint);
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec \"$0\" \"$@\" >>\"$CHAOS_LOG\" 2>&1");
        string file = Path.Combine(_programs, program, "release", $"Quorate.{program}.dll");
        foreach (string argument in (string[])[Shared.Processes.DotnetHost.Path, file, "--id", $"{id}", .. arguments])
            start.ArgumentList.Add(argument);
        start.Environment["CHAOS_LOG"] = log;
        start.Environment["QUORATE_EXIT_ON_STDIN_CLOSE"] = "1";
        start.Environment[Shared.Processes.CrashPoint.Variable] = crashPoint;
        _process = Process.Start(start) ?? throw new InvalidOperationException($"The {program} does not start.");
    }

    public int Id { get; }

    /// <summary>Where it was told to die, if anywhere.</summary>
    public string? CrashPoint { get; }

    /// <summary>True once it died where it was told to.</summary>
    public bool Crashed => CrashPoint is not null && !Killed && _process is { HasExited: true, ExitCode: KilledCode };

    /// <summary>True after a kill or a SIGTERM of ours.</summary>
    public bool Killed { get; private set; }

    /// <summary>
    /// Its exit code where it ended by itself; null while it runs, after a kill of ours, and after a crash as told.
    /// </summary>
    public int? OwnExit => !Killed && !Crashed && _process.HasExited ? _process.ExitCode : null;

    /// <summary>SIGKILL; returns when it is gone.</summary>
    public async Task KillAsync()
    {
        Killed = !_process.HasExited;
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(ChaosCluster.Patience);
    }

    /// <summary>SIGTERM, as an operator stops it; returns its exit code when it is gone.</summary>
    public async Task<int> TerminateAsync()
    {
        Killed = true;
        await SignalAsync("TERM");
        await _process.WaitForExitAsync().WaitAsync(ChaosCluster.Patience);
        return _process.ExitCode;
    }

    /// <summary>SIGSTOP: it keeps its sockets and answers nothing.</summary>
    public Task StopAsync() => SignalAsync("STOP");

    /// <summary>SIGCONT.</summary>
    public Task ContinueAsync() => SignalAsync("CONT");

    /// <summary>The most memory it ever had resident, in MB of 10^6 bytes: the kernel's VmHWM.</summary>
    public double PeakMegabytes() => Megabytes("VmHWM:");

    /// <summary>The memory it has resident now, in MB of 10^6 bytes: the kernel's VmRSS.</summary>
    public double Megabytes() => Megabytes("VmRSS:");

    /// <summary>
    /// Heaps that glibc gave to single threads, beside the one of all: each is 64 MiB of addresses at a multiple of
    /// that, the first part in use and the rest without any right.
    /// </summary>
    public int NativeHeaps()
    {
        const ulong heap = 64 << 20;
        var maps = File.ReadLines($"/proc/{_process.Id}/maps").Select(line => line.Split(' ')).Select(fields =>
        {
            string[] range = fields[0].Split('-');
            return (From: ulong.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                To: ulong.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture), Rights: fields[1]);
        }).ToList();
        return maps.Zip(maps.Skip(1)).Count(pair => pair is { First.Rights: "rw-p", Second.Rights: "---p" }
            && pair.First.From % heap == 0 && pair.First.To == pair.Second.From
            && pair.Second.To == pair.First.From + heap);
    }

    private double Megabytes(string key)
    {
        string line = File.ReadLines($"/proc/{_process.Id}/status").First(
            l => l.StartsWith(key, StringComparison.Ordinal));
        string kibibytes = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Split('\t')[^1];
        return long.Parse(kibibytes, CultureInfo.InvariantCulture) * 1024 / 1e6;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit(5000);
        }
        _process.Dispose();
    }

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{_process.Id}"]);
        await kill.WaitForExitAsync().WaitAsync(ChaosCluster.Patience);
        if (kill.ExitCode != 0) throw new InvalidOperationException($"kill -{signal} ended with {kill.ExitCode}.");
    }
}
