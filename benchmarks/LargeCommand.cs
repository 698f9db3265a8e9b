using System.CommandLine;
using System.Globalization;

namespace Quorate.Benchmarks;

/// <summary><c>large</c>: a few no-op rounds with a model far larger than any buffer: that they end, and what memory
/// the coordinators took.</summary>
internal static class LargeCommand
{
    /// <summary>MB (10^6 bytes) that a coordinator may take, whatever the model's size: the issue's bar.</summary>
    private const double BarMb = 250;

    public static Command Create()
    {
        var size = new Option<string>("--size")
        {
            Description = "Of the model's numbers, such as 1GB or 50MB.", DefaultValueFactory = _ => "1GB",
        };
        var trainers = new Option<int>("--trainers") { DefaultValueFactory = _ => 5 };
        var rounds = new Option<int>("--rounds")
        {
            Description = "Rounds after the first.", DefaultValueFactory = _ => 1,
        };
        var json = new Option<bool>("--json") { Description = "The figures as one JSON object, on the last line." };
        var keep = new Option<bool>("--keep") { Description = "Keep the run's folder, with the logs." };
        var command = new Command("large", "Rounds with a large model: they complete, and in how much memory.")
        {
            size, trainers, rounds, json, keep,
        };
        command.SetAction(async (line, cancellation) =>
        {
            var plan = new RoundPlan(
                Payload.Parse(line.GetValue(size)!), line.GetValue(trainers), line.GetValue(rounds), WarmUp: 1,
                line.GetValue(trainers), "majority", FlushRounds: 0);
            if (FirstProblem(plan) is { } problem)
            {
                await Console.Error.WriteLineAsync(problem);
                return 2;
            }
            var report = await new RoundBench(plan, line.GetValue(keep), TimeProvider.System).RunAsync(cancellation);
            report.Print(Console.Out);
            bool met = report.LargestPeakMb <= BarMb;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"largest      {report.LargestPeakMb:0} MB in a coordinator; bar {BarMb:0}:"
                + $" {(met ? "met" : "MISSED")}"));
            if (line.GetValue(json)) Console.WriteLine(report.ToJson());
            return 0;
        });
        return command;
    }

    /// <summary>
    /// What the disk must hold at once, at most: in each of two rounds an update on two nodes and one at its trainer,
    /// the models of three rounds on each node, one at each trainer.
    /// </summary>
    internal static long BytesNeeded(RoundPlan plan) =>
        plan.Payload.Bytes * ((2 * 3 * plan.Trainers) + 9 + plan.Trainers);

    private static string? FirstProblem(RoundPlan plan)
    {
        long free = new DriveInfo(BenchCluster.Bin).AvailableFreeSpace;
        return free > BytesNeeded(plan)
            ? null
            : string.Create(CultureInfo.InvariantCulture,
                $"This needs up to {BytesNeeded(plan) / 1e9:0.0} GB of disk, and {free / 1e9:0.0} GB are free: say a"
                + $" smaller --size or fewer --trainers.");
    }
}
