namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// Promises P1 to P5 under SIGKILL. QUORATE_CHAOS_KILL_ALL and QUORATE_CHAOS_KILL_LEADER (5 in CI) set how often all
/// nodes and the leader are killed; QUORATE_CHAOS_SEED draws another schedule.
/// </summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private static readonly TimeSpan _pace = TimeSpan.FromMilliseconds(150);
    private static readonly ulong _seed = (ulong)Settings.Number("SEED", 1);

    [Fact]
    public async Task A_run_continues_where_it_was_after_all_coordinators_are_killed_at_once()
    {
        int kills = Settings.Number("KILL_ALL", 5);
        var run = RunFor(kills);
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, _pace, "--verify");
        await StrikeAsync(cluster, kills, async (_, round, _) =>
        {
            await cluster.KillAsync(0, 1, 2);
            for (int node = 0; node < ChaosCluster.Nodes; node++) cluster.Start(node);
            var after = await cluster.WhenAsync(_ => true, "a leader after the kill");
            Assert.True(after.Round >= round, $"Round {round} was open; after the kill it is round {after.Round}.");
        });
        output.WriteLine($"seed {_seed}, {kills} times all three: {await cluster.AssertIntactAsync(undisturbed)}");
    }

    [Fact]
    public async Task Killing_leaders_while_updates_arrive_changes_nothing()
    {
        int kills = Settings.Number("KILL_LEADER", 5);
        var run = RunFor(kills);
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, _pace, "--verify");
        await StrikeAsync(cluster, kills, async (_, _, draws) =>
        {
            int leader = await cluster.LeaderAsync();
            await cluster.KillAsync(leader);
            // Sometimes the other two nodes continue alone for a while.
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(draws.Below(3) * 700));
            cluster.Start(leader);
        });
        output.WriteLine($"seed {_seed}, {kills} leaders: {await cluster.AssertIntactAsync(undisturbed)}");
    }

    /// <summary>
    /// The other tests keep every update to check it. This one keeps none: the files of a round are overwritten by the
    /// next round's.
    /// </summary>
    [Fact]
    public async Task Killing_coordinators_while_old_updates_are_overwritten_changes_nothing()
    {
        int kills = Settings.Number("KILL_OVER", 5);
        var run = RunFor(kills);
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run with { KeepUpdateRounds = 0 }, _pace);
        await StrikeAsync(cluster, kills, async (kill, _, _) =>
        {
            int[] killed = kill % 3 == 2 ? [0, 1, 2] : [await cluster.LeaderAsync()];
            await cluster.KillAsync(killed);
            foreach (int node in killed) cluster.Start(node);
        });
        var ended = await cluster.WhenFinishedAsync();
        Assert.All(ended, status => Assert.Equal(undisturbed, History.Of(status).FinalModel));
        Assert.Empty(HistoryChecker.Retrained(cluster.Trainers.Select(trainer => trainer.Record)));
        Assert.Empty(cluster.Observer.Violations);
        cluster.Passed();
    }

    [Fact]
    public async Task With_durability_leader_updates_lost_with_the_leader_are_sent_again_and_the_model_is_the_same()
    {
        var run = RunFor(kills: 2);
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, _pace, "--durability", "leader");
        await StrikeAsync(cluster, kills: 2, async (_, round, _) =>
        {
            int leader = await cluster.LeaderAsync();
            await cluster.KillAsync(leader);
            await cluster.WhenAsync(status => status.Round > round, "the next round, without the dead leader");
            cluster.Start(leader);
        });
        output.WriteLine($"seed {_seed}: {await cluster.AssertIntactAsync(undisturbed)}");
    }

    [Fact]
    public async Task Two_runs_at_once_end_with_the_models_that_each_has_alone_when_leaders_are_killed()
    {
        int kills = Settings.Number("KILL_TWO", 3);
        var run = RunFor(kills);
        var beside = run with { Name = "beside", Seed = _seed + 1 };
        string alone = await Undisturbed.FinalModelAsync(run), besideAlone = await Undisturbed.FinalModelAsync(beside);
        await using var cluster = await ChaosCluster.StartAsync(run, _pace, "--verify");
        await cluster.OpenBesideAsync(beside);
        await StrikeAsync(cluster, kills, async (_, _, _) =>
        {
            int leader = await cluster.LeaderAsync();
            await cluster.KillAsync(leader);
            cluster.Start(leader);
        });
        var ended = await cluster.WhenFinishedAsync(run: beside.Name);
        Assert.All(ended, status => Assert.Equal(besideAlone, History.Of(status).FinalModel));
        output.WriteLine($"seed {_seed}, {kills} leaders: {await cluster.AssertIntactAsync(alone)}");
    }

    [Fact]
    public async Task A_follower_that_was_down_for_two_rounds_pulls_the_missing_models_and_serves_them()
    {
        var run = new ChaosRun();
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, _pace);
        await cluster.WhenAsync(r => r.Phase == RunPhase.Training && r.Round >= 2, "round 2");
        int away = (await cluster.LeaderAsync() + 1) % ChaosCluster.Nodes;
        await cluster.KillAsync(away);
        int left = (await cluster.WhenAsync(_ => true, "the round")).Round;
        var now = await cluster.WhenAsync(r => r.Trail.Count > left + 2, "two more models");
        var made = now.Trail.Where(m => m.Round > left).Select(m => Convert.ToHexStringLower(m.Blob.Span)).ToList();
        Assert.All(made, model => Assert.False(File.Exists(cluster.BlobOf(away, model)), "It was down, but has it."));

        cluster.Start(away);

        foreach (string model in made)
            Assert.Equal(model, await cluster.UntilAsync(
                _ => cluster.DownloadAsync(away, model), "a model that the follower was missing"));
        output.WriteLine(await cluster.AssertIntactAsync(undisturbed));
    }

    /// <summary>
    /// Calls <paramref name="strike"/> with its number, the open round and the draws: every two rounds, at a drawn
    /// moment of a round.
    /// </summary>
    private static async Task StrikeAsync(ChaosCluster cluster, int kills, Func<int, int, Draws, Task> strike)
    {
        var draws = new Draws(_seed);
        for (int kill = 0; kill < kills; kill++)
        {
            int earliest = 1 + kill * 2;
            var status = await cluster.WhenAsync(
                r => r.Round >= earliest || r.Phase.HasEnded(), $"round {earliest}");
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(draws.Below(300)));
            await strike(kill, status.Round, draws);
        }
    }

    private static ChaosRun RunFor(int kills) => new() { Rounds = kills * 2 + 2, Seed = _seed };
}
