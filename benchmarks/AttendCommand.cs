using System.CommandLine;

namespace Quorate.Benchmarks;

/// <summary><c>attend</c>: thousands of trainers that attend, and rounds announced to all of them.</summary>
internal static class AttendCommand
{
    public static Command Create()
    {
        var trainers = new Option<int>("--trainers")
        {
            Description = "Attending members, one stream each. At most 19,999.", DefaultValueFactory = _ => 10_000,
        };
        var rounds = new Option<int>("--rounds")
        {
            Description = "Announcements that are measured.", DefaultValueFactory = _ => 5,
        };
        var processes = new Option<int>("--processes")
        {
            Description = "Processes, with one connection each, that the streams are dealt out to.",
            DefaultValueFactory = _ => 4,
        };
        var beat = new Option<int>("--beat-seconds")
        {
            Description = "Between two heartbeats of a trainer.", DefaultValueFactory = _ => 5,
        };
        var lease = new Option<int>("--lease-seconds")
        {
            Description = "The coordinators' lease.", DefaultValueFactory = _ => 30,
        };
        var every = new Option<int>("--round-seconds")
        {
            Description = "About how long a round takes.", DefaultValueFactory = _ => 10,
        };
        var json = new Option<bool>("--json") { Description = "The figures as one JSON object, on the last line." };
        var keep = new Option<bool>("--keep") { Description = "Keep the run's folder, with the logs." };
        var command = new Command("attend", "Many attending trainers: processor, memory, announcements.")
        {
            trainers, rounds, processes, beat, lease, every, json, keep,
        };
        command.SetAction(async (line, cancellation) =>
        {
            var plan = new AttendPlan(
                line.GetValue(trainers), line.GetValue(rounds), line.GetValue(processes), line.GetValue(beat),
                line.GetValue(lease), line.GetValue(every));
            var report = await new AttendBench(plan, line.GetValue(keep), TimeProvider.System).RunAsync(cancellation);
            report.Print(Console.Out);
            if (line.GetValue(json)) Console.WriteLine(report.ToJson());
            return 0;
        });
        return command;
    }
}

/// <summary>What one run of the attendance benchmark does.</summary>
internal sealed record AttendPlan(
    int Trainers, int Rounds, int Processes, int BeatSeconds, int LeaseSeconds, int RoundSeconds);
