using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;
using Quorate.Shared.Protocol;
using Xunit.Abstractions;

namespace Quorate.ChaosTests.Cluster;

/// <summary>Trainers come and go; a run waits for them, and says for whom.</summary>
public sealed class TrainerTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(400);

    [Fact]
    public async Task A_trainer_killed_in_a_round_returns_under_its_id_and_the_run_ends_the_same()
    {
        var run = new ChaosRun();
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, Pace);
        var victim = cluster.Trainers[1];
        await InRoundTwoAsync(cluster, victim);

        await victim.KillAsync();
        victim.Start();

        output.WriteLine(await cluster.AssertIntactAsync(undisturbed, mayRetrain: victim.Record.Trainer));
    }

    [Fact]
    public async Task A_run_below_its_threshold_pauses_names_who_is_missing_and_goes_on_when_they_are_back()
    {
        var run = new ChaosRun();
        string undisturbed = await Undisturbed.FinalModelAsync(run);
        await using var cluster = await ChaosCluster.StartAsync(run, Pace, "--lease-seconds", "2");
        var victim = cluster.Trainers[2];
        await InRoundTwoAsync(cluster, victim);

        await victim.KillAsync();
        var paused = await cluster.WhenAsync(
            r => r.WaitingFor.Contains($"Missing: {victim.Record.Trainer}.", StringComparison.Ordinal), "the pause");
        Assert.Equal(2, paused.Present);
        // The others finish what they have; then nothing moves until the third is back.
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
