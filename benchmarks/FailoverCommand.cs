using System.CommandLine;
using System.Text.Json;
using Quorate.Chaos;
using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;

namespace Quorate.Benchmarks;

/// <summary>
/// <c>failover</c>: the time from the SIGKILL of the leader to the next update accepted by its successor, measured many
/// times on the chaos library's cluster. Its rounds are so small that an update is always about to arrive.
/// </summary>
internal static class FailoverCommand
{
    public static Command Create()
    {
        var kills = new Option<int>("--kills") { DefaultValueFactory = _ => 50 };
        var seed = new Option<int>("--seed")
        {
            Description = "Seed of the kills' moments", DefaultValueFactory = _ => 1,
        };
        var json = BenchOptions.Json();
        var command = new Command("failover", "Time from the kill of the leader to the next accepted update.")
        {
            kills, seed, json,
        };
        command.SetAction(async (line, cancellation) =>
        {
            var (seconds, violations) = await RunAsync(line.GetValue(kills), line.GetValue(seed), cancellation);
            var times = new Quantiles(seconds);
            double load = Quantiles.MachineLoad();
            Console.WriteLine($"leader killed -> next accepted update: p50 {times.Median:0.00} s, p99"
                + $" {times.At(0.99):0.00}, max {times.Max:0.00}, min {times.Min:0.00}, n {times.Count}; load {load}");
            foreach (string violation in violations) Console.WriteLine($"VIOLATION {violation}");
            if (line.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(new
                {
                    kills = times.Count, p50 = Rounded(times.Median), p99 = Rounded(times.At(0.99)),
                    max = Rounded(times.Max), min = Rounded(times.Min), n = times.Count, violations, load,
                }));
            return violations.Count == 0 ? 0 : 1;
        });
        return command;
    }

    private static async Task<(IReadOnlyList<double> Seconds, IReadOnlyList<string> Violations)> RunAsync(
        int kills, int seed, CancellationToken token)
    {
        var run = new ChaosRun { Rounds = 50_000, Trainers = 5, Elements = 1000, KeepUpdateRounds = 2 };
        await using var cluster = await ChaosCluster.StartAsync(run, TimeSpan.FromMilliseconds(30));
        var draws = new Draws((ulong)seed);
        var seconds = new List<double>();
        while (seconds.Count < kills)
        {
            token.ThrowIfCancellationRequested();
            await cluster.NextSafeAsync(TimeProvider.System.GetTimestamp(), token: token);
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(500 + draws.Below(1000)));
            int leader = await cluster.LeaderAsync();
            long killed = TimeProvider.System.GetTimestamp();
            await cluster.KillAsync(leader);
            var next = await cluster.NextSafeAsync(killed, exceptBy: leader, token);
            seconds.Add(TimeProvider.System.GetElapsedTime(killed, next.At).TotalSeconds);
            cluster.Start(leader);
            await cluster.WhenCaughtUpAsync(token);
        }
        IReadOnlyList<string> violations = [.. cluster.Observer.Violations];
        if (violations.Count == 0) cluster.Passed();
        return (seconds, violations);
    }

    private static double Rounded(double value) => Math.Round(value, 3);
}
