using Quorate.Chaos.Checking;
using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;
using Quorate.Chaos;
using Quorate.Shared.Protocol;
using Xunit.Abstractions;

namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// Promises P1 to P5 under SIGKILL. Longer: QUORATE_CHAOS_KILL_ALL (times that all are killed, 5 in CI),
/// QUORATE_CHAOS_KILL_LEADER (times that the leader is, 5 in CI). Another schedule: QUORATE_CHAOS_SEED.
/// </summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(150);
    private static readonly ulong Seed = (ulong)Settings.Number("SEED", 1);

    [Fact]
    public async Task A_run_goes_on_where_it_was_after_all_coordinators_are_killed_at_once()
    {
        int kills = Settings.Number("KILL_ALL", 5);
        // A round or two go by between two kills.
        var run = new ChaosRun { Rounds = kills * 2 + 2, Seed = Seed };
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, Pace, "--verify");
        var draws = new Draws(Seed);
        for (int kill = 0; kill < kills; kill++)
        {
            int round = await InRoundAsync(cluster, 1 + kill * 2, draws);
            await cluster.KillAsync(0, 1, 2);
            for (int node = 0; node < ChaosCluster.Nodes; node++) cluster.Start(node);
            var after = await cluster.WhenAsync(_ => true, "a leader after the kill");
            Assert.True(after.Round >= round, $"Round {round} was open; after the kill it is round {after.Round}.");
        }
        output.WriteLine($"seed {Seed}, {kills} times all three: {await cluster.AssertIntactAsync(undisturbed)}");
    }

    [Fact]
    public async Task Killing_leaders_while_updates_come_in_changes_nothing()
    {
        int kills = Settings.Number("KILL_LEADER", 5);
        var run = new ChaosRun { Rounds = kills * 2 + 2, Seed = Seed };
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, Pace, "--verify");
        var draws = new Draws(Draws.Mix(Seed, 2));
        for (int kill = 0; kill < kills; kill++)
        {
            await InRoundAsync(cluster, 1 + kill * 2, draws);
            int leader = await cluster.LeaderAsync();
            await cluster.KillAsync(leader);
            // Now and then two nodes carry on alone for a while.
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(draws.Below(3) * 700));
            cluster.Start(leader);
        }
        output.WriteLine($"seed {Seed}, {kills} leaders: {await cluster.AssertIntactAsync(undisturbed)}");
    }

    /// <summary>
    /// The others keep every update to look at. Here none is kept: each round's files are written over by the next's.
    /// </summary>
    [Fact]
    public async Task Killing_coordinators_while_old_updates_are_written_over_changes_nothing()
    {
        int kills = Settings.Number("KILL_OVER", 5);
        var run = new ChaosRun { Rounds = kills * 2 + 2, Seed = Seed };
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run with { KeepUpdateRounds = 0 }, Pace);
        var draws = new Draws(Draws.Mix(Seed, 4));
        for (int kill = 0; kill < kills; kill++)
        {
            await InRoundAsync(cluster, 1 + kill * 2, draws);
            int leader = await cluster.LeaderAsync();
            int[] killed = kill % 3 == 2 ? [0, 1, 2] : [leader];
            await cluster.KillAsync(killed);
            foreach (int node in killed) cluster.Start(node);
        }
        var ended = await cluster.WhenFinishedAsync();
        Assert.All(ended, status => Assert.Equal(undisturbed, History.Of(status).FinalModel));
        Assert.Empty(HistoryChecker.Retrained(cluster.Trainers.Select(trainer => trainer.Record)));
        Assert.Empty(cluster.Observer.Violations);
        cluster.Passed();
    }

    [Fact]
    public async Task With_durability_leader_what_only_the_dead_leader_had_is_sent_again_and_the_model_is_the_same()
    {
        var run = new ChaosRun { Rounds = 6, Seed = Seed };
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, Pace, "--durability", "leader");
        var draws = new Draws(Draws.Mix(Seed, 3));
        for (int kill = 0; kill < 2; kill++)
        {
            int round = await InRoundAsync(cluster, 1 + kill * 2, draws);
            int leader = await cluster.LeaderAsync();
            await cluster.KillAsync(leader);
            await cluster.WhenAsync(status => status.Round > round, "the next round, without the dead leader");
            cluster.Start(leader);
        }
        output.WriteLine($"seed {Seed}: {await cluster.AssertIntactAsync(undisturbed)}");
    }

    [Fact]
    public async Task A_follower_that_was_away_for_two_rounds_pulls_the_models_it_lacks_and_serves_them()
    {
        var run = new ChaosRun();
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, Pace);
        await cluster.WhenAsync(r => r.Phase == RunPhase.Training && r.Round >= 2, "round 2");
        int away = (await cluster.LeaderAsync() + 1) % ChaosCluster.Nodes;
        await cluster.KillAsync(away);
        int left = (await cluster.WhenAsync(_ => true, "the round")).Round;
        var now = await cluster.WhenAsync(r => r.Trail.Count > left + 2, "two more models");
        var made = now.Trail.Where(m => m.Round > left).Select(m => Convert.ToHexStringLower(m.Blob.Span)).ToList();
        Assert.All(made, model => Assert.False(File.Exists(cluster.BlobOf(away, model)), "It was away, and has it."));

        cluster.Start(away);

        foreach (string model in made)
            Assert.Equal(model, await cluster.UntilAsync(
                _ => cluster.DownloadAsync(away, model), "a model that the follower lacked"));
        output.WriteLine(await cluster.AssertIntactAsync(undisturbed));
    }

    /// <summary>
    /// Waits until a round from <paramref name="earliest"/> on is open, and then for as much of it as is drawn.
    /// </summary>
    private static async Task<int> InRoundAsync(ChaosCluster cluster, int earliest, Draws draws)
    {
        var status = await cluster.WhenAsync(
            r => r.Round >= earliest || r.Phase >= RunPhase.Finished, $"round {earliest}");
        await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(draws.Below(300)));
        return status.Round;
    }
}
