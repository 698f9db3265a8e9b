namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// Promise P6 with real processes: two trainers with several clients each, while leaders are killed. One order must
/// explain all answers. QUORATE_CHAOS_INTAKE_KILLS (3 in CI) sets how many leaders are killed.
/// </summary>
public sealed class LinearizableIntakeTests(ITestOutputHelper output)
{
    [Fact]
    public async Task One_order_explains_all_answers_that_clients_receive_while_leaders_die()
    {
        int kills = Settings.Number("INTAKE_KILLS", 3);
        ulong seed = (ulong)Settings.Number("SEED", 1);
        var draws = new Draws(Draws.Mix(seed, 4));
        var run = new ChaosRun
        {
            Rounds = 50_000, KeepUpdateRounds = 1000, Elements = 2000, Seed = seed,
            Grace = TimeSpan.FromMilliseconds(100),
        };
        await using var cluster = await ChaosCluster.StartAsync(run, TimeSpan.FromMilliseconds(150));
        List<Insistent> trainers = [new(cluster, "anna", seed), new(cluster, "bert", seed)];
        foreach (var trainer in trainers) trainer.Start(clients: 3);
        for (int kill = 0; kill < kills; kill++)
        {
            int round = (await cluster.WhenAsync(_ => true, "the round")).Round;
            await cluster.WhenAsync(r => r.Round >= round + 3, "three more rounds");
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(draws.Below(150)));
            int leader = await cluster.LeaderAsync();
            await cluster.KillAsync(leader);
            cluster.Start(leader);
        }
        int last = (await cluster.WhenAsync(_ => true, "the round")).Round;
        await cluster.WhenAsync(r => r.Round >= last + 2, "two more rounds");
        foreach (var trainer in trainers) await trainer.DisposeAsync();

        var history = trainers.SelectMany(trainer => trainer.History).ToList();
        string counts = string.Join(", ", history.CountBy(o => o.Answer).OrderBy(pair => pair.Key)
            .Select(pair => $"{pair.Value} {pair.Key}"));
        output.WriteLine($"seed {seed}, {kills} leaders killed, {history.Count} operations: {counts}");
        Assert.Empty(Linearizability.Violations(history));
        Assert.Empty(cluster.Observer.Violations);
        // A history without each kind of answer would prove little.
        Assert.All([Answer.Accepted, Answer.Duplicate, Answer.Rejected, Answer.Seen],
            answer => Assert.Contains(history, o => o.Answer == answer));
        cluster.Passed();
    }
}
