using Quorate.Shared.Processes;

namespace Quorate.Chaos.Processes;

/// <summary>One real coordinator or trainer of a chaos cluster.</summary>
public sealed class ProgramProcess : IDisposable
{
    /// <summary>128 + SIGKILL, as a shell reports it.</summary>
    private const int KilledCode = 137;

    private readonly ChildProgram _child;

    /// <param name="program">Coordinator or Trainer.</param>
    /// <param name="id">Its <c>--id</c>.</param>
    /// <param name="crashPoint">The crash point that ends it, see <see cref="CrashPoint"/>; null: none.</param>
    /// <param name="programs">Where the programs were built; null: <see cref="Programs"/>.</param>
    public ProgramProcess(string program, int id, string log, IEnumerable<string> arguments,
        string? crashPoint = null, string? programs = null)
    {
        (Id, CrashPoint) = (id, crashPoint);
        _child = ChildProgram.Start(
            Path.Combine(programs ?? Programs, program, "release", $"Quorate.{program}.dll"), log,
            ["--id", $"{id}", .. arguments], environment: (Shared.Processes.CrashPoint.Variable, crashPoint));
    }

    /// <summary>
    /// The folder with the built programs: the one this program is in, or the one that QUORATE_CHAOS_PROGRAMS names,
    /// such as a canary's (scripts/chaos-canaries.sh).
    /// </summary>
    public static string Programs { get; } =
        Environment.GetEnvironmentVariable("QUORATE_CHAOS_PROGRAMS") is { Length: > 0 } built
            ? Path.GetFullPath(built)
            : Path.GetFullPath("../..", AppContext.BaseDirectory);

    public int Id { get; }

    public int ProcessId => _child.Id;

    /// <summary>The crash point it was started with, or null.</summary>
    public string? CrashPoint { get; }

    /// <summary>True once the crash point has ended it.</summary>
    public bool Crashed => CrashPoint is not null && !Killed && _child is { HasExited: true, ExitCode: KilledCode };

    /// <summary>True after <see cref="KillAsync"/> or <see cref="TerminateAsync"/>.</summary>
    public bool Killed { get; private set; }

    /// <summary>
    /// Its exit code if it ended by itself. Null while it runs, after it was killed here, and after its crash point.
    /// </summary>
    public int? OwnExit => !Killed && !Crashed && _child.HasExited ? _child.ExitCode : null;

    /// <summary>Sends SIGKILL and waits until the process is gone.</summary>
    public async Task KillAsync()
    {
        Killed = !_child.HasExited;
        _child.Kill();
        await ExitAsync();
    }

    /// <summary>Sends SIGTERM, as an operator would, and returns the exit code once the process is gone.</summary>
    public async Task<int> TerminateAsync()
    {
        Killed = true;
        await SignalAsync("TERM");
        return await ExitAsync();
    }

    /// <summary>Waits until the process is gone, and returns its exit code.</summary>
    public async Task<int> ExitAsync()
    {
        using var bound = new CancellationTokenSource(ChaosCluster.Patience);
        await _child.WaitForExitAsync(bound.Token);
        return _child.ExitCode;
    }

    /// <summary>Sends SIGSTOP: the process keeps its sockets and answers nothing.</summary>
    public Task StopAsync() => SignalAsync("STOP");

    /// <summary>Sends SIGCONT.</summary>
    public Task ContinueAsync() => SignalAsync("CONT");

    /// <summary>Peak resident memory (VmHWM) in MB of 10^6 bytes.</summary>
    public double PeakMegabytes() => Megabytes("VmHWM");

    /// <summary>Resident memory now (VmRSS) in MB of 10^6 bytes.</summary>
    public double Megabytes() => Megabytes("VmRSS");

    public void Dispose() => _child.Dispose();

    private double Megabytes(string field) => _child.TryReadFigure("status", field, out long bytes)
        ? bytes / 1e6
        : throw new InvalidOperationException($"Node {Id} has ended; its memory can no longer be read.");

    private async Task SignalAsync(string signal)
    {
        using var bound = new CancellationTokenSource(ChaosCluster.Patience);
        await _child.SignalAsync(signal, bound.Token);
    }
}
