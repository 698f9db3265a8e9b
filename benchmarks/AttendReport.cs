using System.Text.Json;

namespace Quorate.Benchmarks;

/// <summary>The counters of the processes; lists are in the order of the hosts file.</summary>
internal sealed record AttendFigures
{
    /// <summary>The index of the leader at the end, from 0.</summary>
    public int Leader { get; set; }

    /// <summary>From the start of the trainers' processes to the round that the last join opened.</summary>
    public double JoinSeconds { get; set; }

    /// <summary>How long processor time was counted after all trainers had joined.</summary>
    public double SteadySeconds { get; set; }

    /// <summary>Cores used by each coordinator in that time.</summary>
    public IReadOnlyList<double> Cores { get; set; } = [];

    public IReadOnlyList<double> PeaksMb { get; set; } = [];
    public IReadOnlyList<double> ClientPeaksMb { get; set; } = [];

    /// <summary>Terms that passed from before the first join to after the last.</summary>
    public long ElectionsWhileJoining { get; set; }

    /// <summary>Terms that passed after that.</summary>
    public long Elections { get; set; }

    /// <inheritdoc cref="RoundWatch.LeadersLost"/>
    public int LeadersLost { get; set; }
}

/// <summary>The results of the attendance benchmark and its bars.</summary>
internal sealed class AttendReport(AttendPlan plan, AttendFigures figures, Announcements announcements, long frequency)
{
    private readonly Quantiles _announced = new(announcements.LatenciesMs(2, plan.Rounds + 1, frequency));

    /// <summary>Announcements that a trainer did not receive in time.</summary>
    public int Missed => (plan.Trainers * plan.Rounds) - _announced.Count;

    public bool Met => figures.Cores.Max() <= 1 && figures.PeaksMb.Max() <= 1000 && _announced.At(0.99) <= 2000
        && figures.Elections == 0 && Missed == 0;

    public void Print(TextWriter output)
    {
        output.WriteLine(
            $"{plan.Trainers} members attend through {plan.Processes} processes, a heartbeat each {plan.BeatSeconds}"
            + $" s, load {Quantiles.MachineLoad()}");
        output.WriteLine(
            $"joined       in {figures.JoinSeconds:0.0} s, {plan.Trainers / figures.JoinSeconds:0} a second");
        output.WriteLine($"processor    leader {figures.Cores[figures.Leader]:0.00} cores, followers"
            + $" {Others(figures.Cores, "0.00")}, over {figures.SteadySeconds:0.0} s (bar: 1)");
        output.WriteLine($"peak memory  leader {figures.PeaksMb[figures.Leader]:0} MB, followers"
            + $" {Others(figures.PeaksMb, "0")} (bar: 1000); trainer processes"
            + $" {string.Join(" ", figures.ClientPeaksMb.Select(mb => $"{mb:0}"))}");
        output.WriteLine($"announced    p50 {_announced.Median:0} ms, p99 {_announced.At(0.99):0}, max"
            + $" {_announced.Max:0}, n {_announced.Count} in {plan.Rounds} rounds, missed {Missed} (bar: p99 2000)");
        output.WriteLine($"elections    {figures.Elections} (bar: 0), {figures.ElectionsWhileJoining} while joining;"
            + $" streams broken {announcements.StreamsBroken}, memberships lost {announcements.MembershipsLost}");
        output.WriteLine(Met ? "All bars are met." : "Some bars are MISSED.");
    }

    public string ToJson() => JsonSerializer.Serialize(new
    {
        trainers = plan.Trainers, processes = plan.Processes, beatSeconds = plan.BeatSeconds, rounds = plan.Rounds,
        joinSeconds = Rounded(figures.JoinSeconds), steadySeconds = Rounded(figures.SteadySeconds),
        cores = new { leader = Rounded(figures.Cores[figures.Leader]), all = figures.Cores.Select(Rounded) },
        peakRssMb = new { leader = Rounded(figures.PeaksMb[figures.Leader]), all = figures.PeaksMb.Select(Rounded) },
        announceMs = new
        {
            p50 = Rounded(_announced.Median), p99 = Rounded(_announced.At(0.99)), max = Rounded(_announced.Max),
            n = _announced.Count, missed = Missed,
        },
        elections = figures.Elections, electionsWhileJoining = figures.ElectionsWhileJoining,
        streamsBroken = announcements.StreamsBroken, membershipsLost = announcements.MembershipsLost,
        load = Quantiles.MachineLoad(), met = Met,
    });

    private string Others(IReadOnlyList<double> values, string format) =>
        string.Join(" ", values.Where((_, i) => i != figures.Leader).Select(v => v.ToString(format, null)));

    private static double Rounded(double value) => Math.Round(value, 2);
}
