using System.Globalization;

namespace Quorate.Benchmarks;

/// <summary>
/// The round benchmark: no-op rounds with three coordinators and N trainers as processes on this machine. The round
/// time is from the announcement of a round to the announcement of the next.
/// </summary>
internal sealed class RoundBench(RoundPlan plan, bool keep, TimeProvider time)
{
    public async Task<RoundReport> RunAsync(CancellationToken token)
    {
        string folder = BenchCluster.NewFolder();
        try
        {
            var floors = await Floors.MeasureAsync(folder, plan.Payload.Bytes, time, token);
            return await RunAsync(folder, floors, token);
        }
        finally
        {
            if (!keep) Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<RoundReport> RunAsync(string folder, Floors floors, CancellationToken token)
    {
        using var cluster = BenchCluster.Start(folder, RunJson(), time, Flags);
        var leader = await cluster.LeaderAsync(token);
        double readyMs = cluster.AgeMs;
        await cluster.SeedAsync(plan.Payload, token);

        var logs = Enumerable.Range(0, plan.Processes).Select(p => cluster.StartClient(
            "trainers", $"trainers-{p}",
            ["--work", Path.Combine(folder, "work"), "--ids",
                .. Enumerable.Range(0, plan.Trainers).Where(id => id % plan.Processes == p).Select(id => $"{id}")]))
            .ToList();
        var figures = new RoundFigures(
            plan, floors, readyMs, [.. cluster.Hosts.Nodes.Select(node => node.Id)], leader.Id);
        using var flushes = new FlushCount(folder, plan.FlushRounds, time);
        var watch = new RoundWatch(cluster.Connections, time);
        await watch.FollowAsync(plan.RoundsInAll, round =>
        {
            // The counters cover only the measured rounds.
            if (round == plan.WarmUp + 1) figures.Begin(cluster.Coordinators, cluster.Clients);
            if (round == plan.WarmUp + plan.Rounds + 1)
            {
                figures.End(cluster.Coordinators, cluster.Clients);
                flushes.Attach(cluster.Coordinators);
            }
            if (round > plan.WarmUp + plan.Rounds) flushes.Announced();
        }, token);
        figures.FlushesPerRound = await flushes.PerRoundAsync(token);
        var accepted = logs.SelectMany(File.ReadLines).Select(AcceptedUpdate.Parse);
        return new RoundReport(figures, watch, [.. accepted], time.TimestampFrequency);
    }

    /// <summary>
    /// Unreferenced blobs are deleted during the run only if they would fill the disk, because deleting files slows the
    /// creation of others.
    /// </summary>
    private string CollectAfter =>
        plan.Payload.Bytes * plan.Trainers * plan.RoundsInAll * 3 > 8_000_000_000 ? "20" : "600";

    private IEnumerable<string> Flags =>
    [
        "--collect-after-seconds", CollectAfter,
        .. plan.Durability == "majority" ? (string[])[] : ["--durability", plan.Durability],
    ];

    private string RunJson() =>
        $$"""
        {
          "name": "bench", "rounds": {{plan.RoundsInAll}}, "minTrainers": {{plan.Trainers}},
          "minResults": {{plan.Trainers}}, "deadlineSeconds": 600, "keepUpdateRounds": 0, "keepModels": 2, "seed": 1
        }
        """;
}

/// <summary>
/// When one trainer had downloaded the model, trained its update, and received ACCEPTED, in ticks of the monotonic
/// clock.
/// </summary>
internal sealed record AcceptedUpdate(int Round, long Downloaded, long Trained, long Accepted)
{
    /// <summary>Reads a line of <see cref="TrainersCommand"/>.</summary>
    public static AcceptedUpdate Parse(string line)
    {
        long[] numbers = [.. line.Split(' ').Select(word => long.Parse(word, CultureInfo.InvariantCulture))];
        return new AcceptedUpdate((int)numbers[1], numbers[2], numbers[3], numbers[4]);
    }
}
