using System.CommandLine;

namespace Quorate.Benchmarks;

/// <summary><c>attend</c>: thousands of trainers that attend, and rounds announced to all of them.</summary>
internal static class AttendCommand
{
    public static Command Create()
    {
        var trainers = new Option<int>("--trainers")
        {
            Description = "Attending members, with one stream each; at most 19,999", DefaultValueFactory = _ => 10_000,
        };
        var rounds = new Option<int>("--rounds")
        {
            Description = "Measured announcements", DefaultValueFactory = _ => 5,
        };
        var processes = new Option<int>("--processes")
        {
            Description = "Processes that share the streams, with one connection each",
            DefaultValueFactory = _ => 4,
        };
        var beat = new Option<int>("--beat-seconds")
        {
            Description = "Seconds between two heartbeats of a trainer", DefaultValueFactory = _ => 5,
        };
        var lease = new Option<int>("--lease-seconds")
        {
            Description = "The coordinators' lease in seconds", DefaultValueFactory = _ => 30,
        };
        var every = new Option<int>("--round-seconds")
        {
            Description = "Approximate length of a round in seconds", DefaultValueFactory = _ => 10,
        };
        var (json, keep) = (BenchOptions.Json(), BenchOptions.Keep());
        var command = new Command("attend", "Many attending trainers: processor time, memory, announcements.")
        {
            trainers, rounds, processes, beat, lease, every, json, keep,
        };
        command.SetAction(async (line, cancellation) =>
        {
            var plan = new AttendPlan(
                line.GetValue(trainers), line.GetValue(rounds), line.GetValue(processes), line.GetValue(beat),
                line.GetValue(lease), line.GetValue(every));
            var report = await new AttendBench(plan, line.GetValue(keep), TimeProvider.System).RunAsync(cancellation);
            return BenchOptions.Print(report.Print, report.ToJson, line.GetValue(json));
        });
        return command;
    }
}

/// <summary>What one run of the attendance benchmark does.</summary>
internal sealed record AttendPlan(
    int Trainers, int Rounds, int Processes, int BeatSeconds, int LeaseSeconds, int RoundSeconds);
