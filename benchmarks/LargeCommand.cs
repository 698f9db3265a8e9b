using System.CommandLine;
using System.Globalization;

namespace Quorate.Benchmarks;

/// <summary><c>large</c>: a few no-op rounds with a model far larger than any buffer, and the coordinators' memory.
/// </summary>
internal static class LargeCommand
{
    /// <summary>The most memory of a coordinator in MB (10^6 bytes) for any model size.</summary>
    private const double BarMb = 250;

    public static Command Create()
    {
        var size = new Option<string>("--size")
        {
            Description = "Size of the model's values, such as 1GB or 50MB", DefaultValueFactory = _ => "1GB",
        };
        var trainers = new Option<int>("--trainers") { DefaultValueFactory = _ => 5 };
        var rounds = new Option<int>("--rounds")
        {
            Description = "Rounds after the first", DefaultValueFactory = _ => 1,
        };
        var (json, keep) = (BenchOptions.Json(), BenchOptions.Keep());
        var command = new Command("large", "Rounds with a large model, and the coordinators' memory.")
        {
            size, trainers, rounds, json, keep,
        };
        command.SetAction(async (line, cancellation) =>
        {
            var plan = new RoundPlan(
                Payload.Parse(line.GetValue(size)!), line.GetValue(trainers), line.GetValue(rounds), WarmUp: 1,
                line.GetValue(trainers), "majority", FlushRounds: 0);
            long free = new DriveInfo(BenchCluster.Bin).AvailableFreeSpace;
            if (free <= BytesNeeded(plan))
            {
                await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"This needs up to {BytesNeeded(plan) / 1e9:0.0} GB of disk, but only {free / 1e9:0.0} GB are free."
                    + $" Use a smaller --size or fewer --trainers."));
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
    /// The most bytes on the disk at one time: in each of two rounds, every update on two nodes and at its trainer; the
    /// models of three rounds on each node; and one model at each trainer.
    /// </summary>
    internal static long BytesNeeded(RoundPlan plan) =>
        plan.Payload.Bytes * ((2 * 3 * plan.Trainers) + 9 + plan.Trainers);
}
