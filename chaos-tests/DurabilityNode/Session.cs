using System.Globalization;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;

namespace Quorate.ChaosTests.DurabilityNode;

/// <summary>Executes the commands from standard input until it ends.</summary>
internal sealed class Session(ReplicatedLog log, int node)
{
    private readonly Lock _writing = new();
    private int _epoch; // of the writers; a writer of another epoch ends
    private long _written;

    private static readonly RunRules _rules = new()
    {
        Rounds = 1, MinTrainers = Limits.Trainers, MinResults = 1, Deadline = TimeSpan.FromDays(
            1), Grace = TimeSpan.Zero,
        KeepUpdateRounds = 0, KeepModels = 1,
    };

    public async Task RunAsync()
    {
        Say("READY");
        _ = SayLeadingAsync();
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ');
            switch (words[0])
            {
                case "write":
                    for (int i = 0; i < Number(words[4]); i++)
                        _ = WriteAsync(words[1], RunId.Parse(words[2]), Number(words[3]), _epoch);
                    break;
                case "stop":
                    Interlocked.Increment(ref _epoch);
                    _written = 0;
                    break;
                case "mark": _ = MarkAsync(words[1], RunId.Parse(words[2])); break;
                case "wait": _ = WaitAsync(Number(words[1])); break;
                case "resign": _ = log.ResignAsync(default); break;
                case "chains": Say(
                    [.. log.ChainWindow(Number(words[1])).Select(c => $"CHAIN {c.Index} {c.Chain}"), "END"]); break;
                case "has": Say([.. Has(RunId.Parse(words[1]), words[2]), "END"]); break;
                default: throw new InvalidDataException($"Unknown command '{line}'.");
            }
        }
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private async Task SayLeadingAsync()
    {
        for (var seen = log.Leadership; ; seen = await log.LeadershipChangedAsync(seen, default))
            if (seen.IsLeader) Say($"LEADS {seen.Term}");
    }

    private async Task WriteAsync(string prefix, RunId run, long limit, int epoch)
    {
        while (Volatile.Read(ref _epoch) == epoch)
        {
            var leading = log.Leadership;
            if (!leading.IsLeader)
            {
                await log.LeadershipChangedAsync(leading, default);
                continue;
            }
            long number = Interlocked.Increment(ref _written);
            if (number > limit) return;
            string name = string.Create(CultureInfo.InvariantCulture, $"{prefix}-{node}-{number}");
            long start = TimeProvider.System.GetTimestamp();
            if (!await JoinAsync(name, run)) continue;
            Say($"ACK {name} {TimeProvider.System.GetElapsedTime(start).TotalMicroseconds:0}");
        }
    }

    private async Task MarkAsync(string name, RunId run)
    {
        while (log.Leadership.IsLeader)
        {
            if (!await JoinAsync(name, run)) continue;
            Say($"MARKED {name} {log.State.Index}");
            return;
        }
    }

    private async Task WaitAsync(long index)
    {
        var state = await log.ChangedAsync(index - 1, default);
        Say($"AT {state.Index}");
    }

    private IEnumerable<string> Has(RunId run, string prefix) =>
        from trainer in log.State.Find(run)?.Trainers.Values ?? []
        where trainer.Id.ToString().StartsWith(prefix, StringComparison.Ordinal)
        select $"HAS {trainer.Id}";

    /// <summary>True if the trainer is known to have joined; false if the outcome is unknown.</summary>
    private async Task<bool> JoinAsync(string name, RunId run)
    {
        try
        {
            if (log.State.Find(run) is null)
            {
                if (log.State.ActiveRuns.FirstOrDefault() is { } old)
                    await log.ProposeAsync(new Command.EndRun(old.Id, false, "next", 0), default);
                await log.ProposeAsync(new Command.OpenRun(run, _rules, "{}", 0), default);
            }
            return (await log.ProposeAsync(new Command.Join(run, TrainerId.Parse(name), 1, 0, 1, 0), default)).Holds;
        }
        catch (Exception e) when (e is NotLeaderException or OutcomeUnknownException)
        {
            return false;
        }
    }

    private void Say(params string[] lines)
    {
        lock (_writing)
        {
            foreach (string line in lines) Console.Out.WriteLine(line);
            Console.Out.Flush();
        }
    }
}
