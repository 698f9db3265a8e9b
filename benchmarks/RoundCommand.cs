using System.CommandLine;

namespace Quorate.Benchmarks;

/// <summary><c>round</c>: no-op rounds on real coordinators, with synthetic trainers.</summary>
internal static class RoundCommand
{
    public static Command Create()
    {
        var payload = new Option<string>("--payload")
        {
            Description = "lr (31 kB), cnn (4.8 MB), resnet18 (46.8 MB), or a size such as 30MB.",
            DefaultValueFactory = _ => "cnn",
        };
        var trainers = new Option<int>("--trainers") { DefaultValueFactory = _ => 5 };
        var rounds = new Option<int>("--rounds")
        {
            Description = "Measured rounds.", DefaultValueFactory = _ => 30,
        };
        var warmUp = new Option<int>("--warm-up")
        {
            Description = "Rounds before them, reported apart: the runtime still compiles. At least 1.",
            DefaultValueFactory = _ => 30,
        };
        var processes = new Option<int>("--processes")
        {
            Description = "Trainer processes at most; the trainers are dealt out to them.",
            DefaultValueFactory = _ => 10,
        };
        var durability = new Option<string>("--durability")
        {
            Description = "majority: ACCEPTED means fsynced on two of three disks. leader: on the leader's alone.",
            DefaultValueFactory = _ => "majority",
        };
        durability.AcceptOnlyFromAmong("majority", "leader");
        var flushRounds = new Option<int>("--fsync-rounds")
        {
            Description = "Rounds after the measured ones in which strace, where it is installed, counts the fsyncs;"
                + " one more is for attaching it. 0: none.",
            DefaultValueFactory = _ => 5,
        };
        var json = new Option<bool>("--json") { Description = "The figures as one JSON object, on the last line." };
        var keep = new Option<bool>("--keep") { Description = "Keep the run's folder, with the logs." };
        var command = new Command("round", "Round time of no-op rounds, from one model to the next.")
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
            report.Print(Console.Out);
            if (line.GetValue(json)) Console.WriteLine(report.ToJson());
            return 0;
        });
        return command;
    }
}

/// <summary>What one run of the round benchmark does.</summary>
/// <param name="FlushRounds">Rounds in which flushes are counted, after the measured ones.</param>
internal sealed record RoundPlan(
    Payload Payload, int Trainers, int Rounds, int WarmUp, int Processes, string Durability, int FlushRounds)
{
    /// <summary>All rounds of the run; one more than are counted, because a tracer is attached in it.</summary>
    public int RoundsInAll => WarmUp + Rounds + (FlushRounds > 0 ? FlushRounds + 1 : 0);
}
