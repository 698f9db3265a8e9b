using System.Globalization;

namespace Quorate.Benchmarks;

/// <summary>
/// Thousands of members of a run, each with its own stream, and rounds that are announced to all of them. They join and
/// send heartbeats like real trainers, but never train. One trainer with the real client trains, and its update closes
/// each round after the grace period. So a round lasts about as long as the grace period, and in the meantime the
/// coordinators only answer heartbeats.
/// </summary>
internal sealed class AttendBench(AttendPlan plan, bool keep, TimeProvider time)
{
    private static readonly TimeSpan _settle = TimeSpan.FromSeconds(3);

    public async Task<AttendReport> RunAsync(CancellationToken token)
    {
        string folder = BenchCluster.NewFolder();
        try
        {
            return await RunAsync(folder, token);
        }
        finally
        {
            if (!keep) Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<AttendReport> RunAsync(string folder, CancellationToken token)
    {
        using var cluster = BenchCluster.Start(folder, RunJson(), time, "--lease-seconds", $"{plan.LeaseSeconds}");
        var leader = await cluster.LeaderAsync(token);
        await cluster.SeedAsync(Payload.Parse("lr"), token);
        long started = time.GetTimestamp();
        var logs = Shares().Select((share, p) => cluster.StartClient(
            "attendants", $"attendants-{p}", "--first", $"{share.First}", "--count", $"{share.Count}",
            "--beat-seconds", $"{plan.BeatSeconds}")).ToList();
        cluster.StartClient(
            "trainers", "trainer", "--work", Path.Combine(folder, "work"), "--ids", $"{plan.Trainers}");

        var figures = new AttendFigures();
        long firstTerm = await cluster.TermAsync(token);
        var watch = new RoundWatch(cluster.Connections, time);
        // Round 1 opens when the last trainer has joined; all later rounds are announced to all trainers at once.
        await watch.FollowAsync(0, _ => figures.JoinSeconds = time.GetElapsedTime(started).TotalSeconds, token);
        long joinedTerm = await cluster.TermAsync(token);

        double[] cpuMs = [];
        long steady = 0;
        await watch.FollowAsync(plan.Rounds + 1, round =>
        {
            if (round == 2) (steady, cpuMs) = (time.GetTimestamp(), [.. cluster.Coordinators.Select(c => c.CpuMs)]);
            if (round != plan.Rounds + 2) return;
            figures.SteadySeconds = time.GetElapsedTime(steady).TotalSeconds;
            figures.Cores = [.. cluster.Coordinators.Select(
                (c, i) => (c.CpuMs - cpuMs[i]) / 1e3 / figures.SteadySeconds)];
        }, token);
        figures.ElectionsWhileJoining = joinedTerm - firstTerm;
        figures.Elections = await cluster.TermAsync(token) - joinedTerm;
        leader = await cluster.Connections.FindLeaderAsync(token) ?? leader;
        figures.Leader = cluster.Hosts.Nodes.ToList().FindIndex(node => node.Id == leader.Id);
        await Task.Delay(_settle, time, token);
        figures.PeaksMb = [.. cluster.Coordinators.Select(c => c.PeakMb)];
        figures.ClientPeaksMb = [.. cluster.Clients.Select(c => c.PeakMb)];
        figures.LeadersLost = watch.LeadersLost;
        return new AttendReport(plan, figures, Announcements.Read(logs), time.TimestampFrequency);
    }

    private IEnumerable<(int First, int Count)> Shares()
    {
        for (int p = 0, first = 0; p < plan.Processes; p++)
        {
            int next = (int)((long)plan.Trainers * (p + 1) / plan.Processes);
            yield return (first, next - first);
            first = next;
        }
    }

    private string RunJson() => string.Create(CultureInfo.InvariantCulture,
        $$"""
        {
          "name": "bench", "rounds": {{plan.Rounds + 2}}, "minTrainers": {{plan.Trainers + 1}}, "minResults": 1,
          "deadlineSeconds": 3600, "graceSeconds": {{plan.RoundSeconds}}, "keepUpdateRounds": 0, "keepModels": 2,
          "seed": 1
        }
        """);
}
