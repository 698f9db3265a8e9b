namespace Quorate.ChaosTests.Cluster;

/// <summary>Trainers leave and return; a run waits for them and names them.</summary>
public sealed class TrainerTests(ITestOutputHelper output)
{
    private static readonly TimeSpan _pace = TimeSpan.FromMilliseconds(400);

    [Fact]
    public async Task A_trainer_killed_in_a_round_returns_under_its_id_and_the_run_ends_the_same()
    {
        var run = new ChaosRun();
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, _pace);
        var victim = cluster.Trainers[1];
        await InRoundTwoAsync(cluster, victim);

        await victim.KillAsync();
        victim.Start();

        output.WriteLine(await cluster.AssertIntactAsync(undisturbed, mayRetrain: victim.Record.Trainer));
    }

    [Fact]
    public async Task A_run_with_too_few_trainers_waits_names_the_missing_ones_and_continues_when_they_return()
    {
        var run = new ChaosRun();
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, _pace, "--lease-seconds", "2");
        var victim = cluster.Trainers[2];
        await InRoundTwoAsync(cluster, victim);

        await victim.KillAsync();
        var paused = await cluster.WhenAsync(
            r => r.WaitingFor.Contains($"trainer {victim.Record.Trainer}, which has left", StringComparison.Ordinal),
            "the pause");
        Assert.Equal(2, paused.Present);
        // The others finish their updates; then nothing happens until the third trainer is back.
        await cluster.WhenAsync(r => r.Phase == RunPhase.Waiting || r.Updates.Count == 2, "the others' updates");
        var still = await cluster.WhenAsync(_ => true, "the paused run");
        Assert.Equal(paused.Round, still.Round);
        victim.Start();

        output.WriteLine(
            $"\"{paused.WaitingFor}\" " + await cluster.AssertIntactAsync(undisturbed, victim.Record.Trainer));
    }

    private static Task<RunStatus> InRoundTwoAsync(ChaosCluster cluster, SyntheticTrainer victim) => cluster.WhenAsync(
        r => r is { Phase: RunPhase.Training, Round: >= 2 }
            && r.Trainers.Any(t => t.Trainer == victim.Record.Trainer && !t.Accepted),
        "round 2 before the trainer's update");
}
