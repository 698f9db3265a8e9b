using System.Globalization;

namespace Quorate.Benchmarks;

/// <summary>Counters of the processes and of the machine over the measured rounds.</summary>
internal sealed class RoundFigures(
    RoundPlan plan, Floors floors, double readyMs, IReadOnlyList<int> nodes, int leader)
{
    private double _cpuMs, _trainersCpuMs;
    private long _disk, _wire;

    public RoundPlan Plan => plan;
    public Floors Floors => floors;

    /// <summary>Milliseconds from the start of three cold coordinators to a leader with an open run.</summary>
    public double ReadyMs => readyMs;

    public double CpuMsPerRound { get; private set; }
    public double TrainersCpuMsPerRound { get; private set; }
    public long DiskBytesPerRound { get; private set; }

    /// <summary>Bytes over the loopback interface, including those of other programs.</summary>
    public long WireBytesPerRound { get; private set; }

    /// <summary>Calls of fsync, fdatasync and msync in all coordinators; null if they were not counted.</summary>
    public double? FlushesPerRound { get; set; }

    public double LeaderPeakMb { get; private set; }
    public IReadOnlyList<double> FollowerPeaksMb { get; private set; } = [];
    public IReadOnlyList<double> TrainerPeaksMb { get; private set; } = [];

    /// <summary>
    /// The machine's load average over one minute when the measurement ended.
    /// </summary>
    public double Load { get; private set; }

    public void Begin(IReadOnlyList<BenchProcess> coordinators, IReadOnlyList<BenchProcess> trainers)
    {
        _trainersCpuMs = trainers.Sum(t => t.CpuMs);
        _cpuMs = coordinators.Sum(c => c.CpuMs);
        _disk = coordinators.Sum(c => c.DiskBytes);
        _wire = LoopbackBytes();
    }

    public void End(IReadOnlyList<BenchProcess> coordinators, IReadOnlyList<BenchProcess> trainers)
    {
        CpuMsPerRound = (coordinators.Sum(c => c.CpuMs) - _cpuMs) / plan.Rounds;
        TrainersCpuMsPerRound = (trainers.Sum(t => t.CpuMs) - _trainersCpuMs) / plan.Rounds;
        DiskBytesPerRound = (coordinators.Sum(c => c.DiskBytes) - _disk) / plan.Rounds;
        WireBytesPerRound = (LoopbackBytes() - _wire) / plan.Rounds;
        LeaderPeakMb = coordinators.Where((_, i) => nodes[i] == leader).First().PeakMb;
        FollowerPeaksMb = [.. coordinators.Where((_, i) => nodes[i] != leader).Select(c => c.PeakMb)];
        TrainerPeaksMb = [.. trainers.Select(t => t.PeakMb)];
        Load = Quantiles.MachineLoad();
    }

    private static long LoopbackBytes()
    {
        string line = File.ReadLines("/proc/net/dev").Select(l => l.Trim())
            .First(l => l.StartsWith("lo:", StringComparison.Ordinal));
        return long.Parse(
            line.Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture);
    }
}
