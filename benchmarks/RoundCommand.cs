using System.CommandLine;

namespace Quorate.Benchmarks;

/// <summary><c>round</c>: no-op rounds on real coordinators, with synthetic trainers.</summary>
internal static class RoundCommand
{
    public static Command Create()
    {
        var payload = new Option<string>("--payload")
        {
            Description = "lr (31 kB), cnn (4.8 MB), resnet18 (46.8 MB), or a size such as 30MB",
            DefaultValueFactory = _ => "cnn",
        };
        var trainers = new Option<int>("--trainers") { DefaultValueFactory = _ => 5 };
        var rounds = new Option<int>("--rounds")
        {
            Description = "Measured rounds", DefaultValueFactory = _ => 30,
        };
        var warmUp = new Option<int>("--warm-up")
        {
            Description = "Rounds before them, reported separately (the runtime is still compiling); at least 1",
            DefaultValueFactory = _ => 30,
        };
        var processes = new Option<int>("--processes")
        {
            Description = "The maximum number of trainer processes, which share the trainers",
            DefaultValueFactory = _ => 10,
        };
        var durability = new Option<string>("--durability")
        {
            Description = "majority: ACCEPTED means fsynced on two of three disks; leader: only on the leader's",
            DefaultValueFactory = _ => "majority",
        };
        durability.AcceptOnlyFromAmong("majority", "leader");
        var flushRounds = new Option<int>("--fsync-rounds")
        {
            Description = "Additional rounds in which strace, if it is installed, counts fsyncs, plus one to attach it;"
                + " 0 for none",
            DefaultValueFactory = _ => 5,
        };
        var (json, keep) = (BenchOptions.Json(), BenchOptions.Keep());
        var command = new Command("round", "Time of no-op rounds, from one model to the next.")
        {
            payload, trainers, rounds, warmUp, processes, durability, flushRounds, json, keep,
        };
        command.SetAction(async (line, cancellation) =>
        {
            var plan = new RoundPlan(
                Payload.Parse(line.GetValue(payload)!), line.GetValue(trainers), line.GetValue(rounds),
                Math.Max(1, line.GetValue(warmUp)),
                Math.Min(line.GetValue(processes), line.GetValue(trainers)), line.GetValue(durability)!,
                FlushCount.Available ? line.GetValue(flushRounds) : 0);
            var report = await new RoundBench(plan, line.GetValue(keep), TimeProvider.System).RunAsync(cancellation);
            return BenchOptions.Print(report.Print, report.ToJson, line.GetValue(json));
        });
        return command;
    }
}

/// <summary>Options and output that several benchmarks share.</summary>
internal static class BenchOptions
{
    public static Option<bool> Json() =>
        new("--json") { Description = "Print the results as one JSON object on the last line" };

    public static Option<bool> Keep() => new("--keep") { Description = "Keep the run's folder with the logs" };

    /// <summary>Prints a report for people and, on request, JSON. Returns the exit code.</summary>
    public static int Print(Action<TextWriter> print, Func<string> toJson, bool json)
    {
        print(Console.Out);
        if (json) Console.WriteLine(toJson());
        return 0;
    }
}

/// <summary>What one run of the round benchmark does.</summary>
/// <param name="FlushRounds">Rounds after the measured ones in which flushes are counted.</param>
internal sealed record RoundPlan(
    Payload Payload, int Trainers, int Rounds, int WarmUp, int Processes, string Durability, int FlushRounds)
{
    /// <summary>All rounds of the run, including one in which the tracers are attached.</summary>
    public int RoundsInAll => WarmUp + Rounds + (FlushRounds > 0 ? FlushRounds + 1 : 0);
}
