using System.Diagnostics;

namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// A leader that hangs is worse than a dead one: its sockets stay open, and when it continues it believes that it
/// leads.
/// </summary>
public sealed class StoppedLeaderTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_stopped_leader_is_replaced_and_steps_down_when_it_continues()
    {
        var run = new ChaosRun();
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, TimeSpan.FromMilliseconds(150), "--verify");
        await cluster.WhenAsync(r => r.Phase == RunPhase.Training && r.Round >= 2, "round 2");
        int old = await cluster.LeaderAsync();

        await cluster[old].StopAsync();
        long stopped = Stopwatch.GetTimestamp();
        int heir = (await cluster.UntilAsync(
            async token => (await cluster.StatusAsync(token)).FirstOrDefault(
                reply => reply is { Leader: true } && reply.Node != old),
            "another leader")).Node;
        double elected = Stopwatch.GetElapsedTime(stopped).TotalSeconds;
        await cluster.UntilAsync(
            _ => Task.FromResult(cluster.Trainers.SelectMany(trainer => trainer.Record.Safe).FirstOrDefault(
                answer => answer.At > stopped && answer.Node != old)),
            "an update accepted by the new leader");
        double accepted = Stopwatch.GetElapsedTime(stopped).TotalSeconds;
        await cluster[old].ContinueAsync();

        await cluster.UntilAsync(
            async token => (await cluster.StatusAsync(token))[old] is { Leader: false } awake && awake.LeaderNode >= 0
                ? awake
                : null,
            "the old leader following");
        string intact = await cluster.AssertIntactAsync(undisturbed);
        output.WriteLine(
            $"node {heir} led {elected:F1} s after the stop, next update accepted after {accepted:F1} s: {intact}");
    }
}
