using System.Globalization;
using System.Text.Json;

namespace Quorate.Benchmarks;

/// <summary>The results of the round benchmark, for people and as JSON.</summary>
internal sealed class RoundReport
{
    private readonly RoundFigures _figures;
    private readonly List<double> _rounds;
    private readonly Dictionary<string, double> _phases;

    /// <param name="frequency">Ticks per second.</param>
    public RoundReport(
        RoundFigures figures, RoundWatch watch, IReadOnlyList<AcceptedUpdate> accepted, long frequency)
    {
        _figures = figures;
        LeadersLost = watch.LeadersLost;
        var opened = watch.Opened;
        FirstMs = TimesOf(1, 1).FirstOrDefault(double.NaN);
        WarmUpMs = Median(TimesOf(1, figures.Plan.WarmUp));
        _rounds = [.. TimesOf(figures.Plan.WarmUp + 1, figures.Plan.Rounds)];
        if (_rounds.Count == 0)
            throw new InvalidOperationException("No round could be timed: the cluster had no leader most of the time.");

        var phases = accepted.Where(IsMeasured).GroupBy(a => a.Round)
            .Select(round => (
            Download: Ms((long)round.Average(a => a.Downloaded) - opened[round.Key]),
            Train: round.Average(a => Ms(a.Trained - a.Downloaded)),
            Upload: round.Average(a => Ms(a.Accepted - a.Trained)),
            Close: Ms(opened[round.Key + 1] - round.Max(a => a.Accepted)))).ToList();
        _phases = new()
        {
            ["announceAndDownload"] = Median(phases.Select(p => p.Download)),
            ["rewriteAtTrainer"] = Median(phases.Select(p => p.Train)),
            ["hashUploadRelayFsyncCommit"] = Median(phases.Select(p => p.Upload)),
            ["averageAndPublish"] = Median(phases.Select(p => p.Close)),
        };
        // A round whose announcement was missed because the leader changed is not timed.
        bool IsMeasured(AcceptedUpdate a) => a.Round > figures.Plan.WarmUp
            && a.Round <= figures.Plan.WarmUp + figures.Plan.Rounds && IsTimed(a.Round);
        bool IsTimed(int round) => opened.ContainsKey(round) && opened.ContainsKey(round + 1);
        IEnumerable<double> TimesOf(int first, int count) => Enumerable.Range(first, count).Where(IsTimed)
            .Select(r => Ms(opened[r + 1] - opened[r]));
        double Ms(long ticks) => ticks * 1e3 / frequency;
    }

    public double FirstMs { get; }

    /// <inheritdoc cref="RoundWatch.LeadersLost"/>
    public int LeadersLost { get; }

    /// <summary>Median of the rounds before the measured ones, including the first.</summary>
    public double WarmUpMs { get; }

    public double MedianMs => Median(_rounds);

    /// <summary>The largest peak memory of a coordinator in MB.</summary>
    public double LargestPeakMb => Math.Max(_figures.LeaderPeakMb, _figures.FollowerPeaksMb.Max());

    public void Print(TextWriter output)
    {
        var (plan, floors) = (_figures.Plan, _figures.Floors);
        Line($"{plan.Trainers} x {plan.Payload.Name} ({plan.Payload.Bytes / 1e6:0.###} MB), {plan.Rounds} rounds, ");
        Line($"  durability {plan.Durability}, 3 coordinators, {plan.Processes} trainer processes,"
            + $" load {_figures.Load}, leaders lost {LeadersLost}, rounds timed {_rounds.Count}");
        Line($"round       median {MedianMs:0.0} ms, min {_rounds.Min():0.0}, max {_rounds.Max():0.0};"
            + $" first {FirstMs:0.0}, median of {plan.WarmUp} before {WarmUpMs:0.0}");
        foreach (var (name, ms) in _phases) Line($"  {name,-28} {ms,8:0.0} ms");
        Line($"processor    {_figures.CpuMsPerRound:0} ms a round in coordinators,"
            + $" {_figures.TrainersCpuMsPerRound:0} ms in trainers");
        Line($"bytes        {_figures.DiskBytesPerRound / 1e6:0.00} MB"
            + $" to disk, {_figures.WireBytesPerRound / 1e6:0.00} MB over loopback (all of the machine);"
            + (_figures.FlushesPerRound is { } flushes ? $" {flushes:0.0} fsyncs" : " fsyncs not counted"));
        Line($"peak memory  leader {_figures.LeaderPeakMb:0} MB, followers {Join(_figures.FollowerPeaksMb)},"
            + $" trainer processes {Join(_figures.TrainerPeaksMb)}");
        Line($"ready        {_figures.ReadyMs:0} ms from a cold start to a leader with an open run");
        Line($"floors       loopback {floors.LoopbackMBps:0} MB/s, round trip {floors.RoundTripUs:0} us, copy"
            + $" {floors.CopyMBps:0} MB/s, SHA-256 {floors.Sha256MBps:0} MB/s, write {floors.WriteMBps:0} MB/s,"
            + $" fsync {floors.FsyncMs:0.00} ms, this payload written and fsynced {floors.DurableFileMs:0.0} ms");
        Line($"             a round is {MedianMs / floors.DurableFileMs:0.0} x one payload made durable and "
            + $"{MedianMs / (plan.Payload.Bytes / 1e3 / floors.Sha256MBps * plan.Trainers):0.0} x all updates hashed");

        void Line(string text) => output.WriteLine(text);
    }

    /// <summary>One line. Values that were not measured are null.</summary>
    public string ToJson() => JsonSerializer.Serialize(new
    {
        payload = _figures.Plan.Payload.Name, bytes = _figures.Plan.Payload.Bytes, trainers = _figures.Plan.Trainers,
        rounds = _figures.Plan.Rounds, durability = _figures.Plan.Durability, medianMs = Round(MedianMs),
        minMs = Round(_rounds.Min()), maxMs = Round(_rounds.Max()),
        firstMs = Round(FirstMs), warmUpMs = Round(WarmUpMs),
        warmUpRounds = _figures.Plan.WarmUp, largestPeakMb = Round(LargestPeakMb),
        cpuMsPerRound = Round(_figures.CpuMsPerRound),
        trainersCpuMsPerRound = Round(_figures.TrainersCpuMsPerRound),
        peakRssMb = new
        {
            leader = Round(_figures.LeaderPeakMb), followers = _figures.FollowerPeaksMb.Select(Round),
            trainers = _figures.TrainerPeaksMb.Select(Round),
        },
        wireBytesPerRound = _figures.WireBytesPerRound, diskBytesPerRound = _figures.DiskBytesPerRound,
        fsyncsPerRound = _figures.FlushesPerRound,
        phasesMs = _phases.ToDictionary(p => p.Key, p => Round(p.Value)), readyMs = Round(_figures.ReadyMs),
        load = _figures.Load, leadersLost = LeadersLost, floors = _figures.Floors,
    });

    private static string Join(IEnumerable<double> numbers) =>
        string.Join(" ", numbers.Select(n => n.ToString("0", CultureInfo.InvariantCulture)));

    private static double Round(double value) => Math.Round(value, 2);

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) return double.NaN;
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
