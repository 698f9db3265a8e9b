using System.Globalization;
using Quorate.Shared.Processes;

namespace Quorate.Benchmarks;

/// <summary>A coordinator or a process of trainers, and what /proc says about it.</summary>
internal sealed class BenchProcess : IDisposable
{
    /// <summary>Linux counts a process's time in hundredths of a second (USER_HZ).</summary>
    private const double MsPerTick = 10;

    private readonly ChildProgram _child;

    private BenchProcess(string name, ChildProgram child) => (Name, _child) = (name, child);

    public string Name { get; }

    public int Id => _child.Id;

    public bool HasExited => _child.HasExited;

    /// <summary>Milliseconds of processor time so far, user and system, in steps of 10 ms.</summary>
    public double CpuMs
    {
        get
        {
            string stat = File.ReadAllText($"/proc/{Id}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return MsPerTick * (Ticks(fields[11]) + Ticks(fields[12]));
        }
    }

    /// <summary>Peak resident memory (VmHWM) in MB of 10^6 bytes.</summary>
    public double PeakMb => Figure("status", "VmHWM") / 1e6;

    /// <summary>Bytes that this process caused to be written to the disk.</summary>
    public long DiskBytes => Figure("io", "write_bytes");

    /// <param name="log">For its output; its errors go to the same name with .err appended.</param>
    public static BenchProcess Start(string name, string log, string program, params IEnumerable<string> arguments) =>
        new(name, ChildProgram.Start(program, log, arguments, errors: log + ".err"));

    public void Dispose() => _child.Dispose();

    private long Figure(string file, string field) => _child.TryReadFigure(file, field, out long value)
        ? value
        : throw new InvalidOperationException($"{Name} has ended; /proc has no {field} of it.");

    private static long Ticks(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
