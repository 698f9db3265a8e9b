using System.Globalization;
using Quorate.Simulation.Checks;
using Xunit.Abstractions;

namespace Quorate.Simulation;

/// <summary>
/// The simulation and the test of it. Seeds run in two processes, because each takes the whole thread pool of its
/// process. `scripts/seeds.sh SEED --trace` prints every event of a seed.
/// </summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int Workers = 2;

    /// <summary>
    /// A seed takes 0.2 to 0.4 s of a processor: 2,000 take three to six minutes on two cores.
    /// </summary>
    private static readonly int _seeds = Number("QUORATE_SIM_SEEDS", 2000);

    private static readonly int _from = Number("QUORATE_SIM_FROM", 1);

    /// <summary>
    /// Rare branches. A simulation that does not take them proves nothing about them.
    /// </summary>
    private static readonly string[] _rare =
    [
        "a leader deposed in health", "a proposal at a deposed leader",
        "a proposal lost with its leader", "committed and never answered", "the outcome of a proposal unknown",
        "an answer lost on its way", "an update duplicate", "an update stale", "sent again: Duplicate",
        "a connection reset", "a stream broken", "a message into a partition", "a link cut one way",
        "a weight stream cut", "a byte corrupted on its way", "a node paused", "all nodes killed at once",
        "power lost in the middle of a step", "a tail torn", "a rename undone", "a bit flipped",
        "a wall clock jumped", "log Pulled", "log PullFailed", "log PeerFailed", "log Quarantined", "log DiskFull",
        "log LogExpired", "log LogStepFailed", "log Collected", "a run queued", "two active runs",
    ];

    [Fact]
    public async Task No_seed_breaks_a_promise_and_every_rare_branch_is_taken()
    {
        int each = (_seeds + Workers - 1) / Workers;
        var workers = await Task.WhenAll(Enumerable.Range(0, Workers).Select(
            worker => SeedProcess.RunAsync(_from + (worker * each), each, "")));
        foreach (string total in workers.SelectMany(worker => worker.Totals)) output.WriteLine(total);
        string violations = string.Join(Environment.NewLine, workers.SelectMany(worker => worker.Violations));
        Assert.True(violations.Length == 0, violations);
        Assert.All(workers, worker => Assert.Equal(0, worker.ExitCode));
        Assert.True(workers.Sum(worker => worker.Moves) >= 3L * _seeds, "Too few leaders moved to prove anything.");
        if (_seeds >= 100) Assert.Empty(_rare.Except(workers.SelectMany(worker => worker.Marks)));
    }

    [Fact]
    public async Task The_same_seed_has_the_same_trace()
    {
        var runs = await Task.WhenAll(SeedProcess.RunAsync(1, 20, "--twice"), SeedProcess.RunAsync(1, 20, ""));
        Assert.Empty(runs.SelectMany(run => run.Violations));
        Assert.Equal(runs[0].Trace, runs[1].Trace);
        Assert.NotEmpty(runs[0].Trace);
    }

    /// <summary>
    /// In seed 518, a sentence that contains the folder's path is sent, and the network flips a bit in it. When the
    /// path's length depended on the process id, the seed had two traces.
    /// </summary>
    [Fact]
    public async Task A_seed_has_the_same_trace_in_any_folder()
    {
        string longer = Directory.CreateTempSubdirectory("quorate-sim-elsewhere-").FullName;
        try
        {
            var runs = await Task.WhenAll(
                SeedProcess.RunAsync(518, 1, ""), SeedProcess.RunAsync(518, 1, $"--under {longer}"));
            Assert.Equal(runs[0].Trace, runs[1].Trace);
            Assert.NotEmpty(runs[0].Trace);
        }
        finally
        {
            Directory.Delete(longer, recursive: true);
        }
    }

    [Theory]
    [InlineData("ack-first")]
    [InlineData("no-dedupe")]
    [InlineData("lying-disk")]
    public async Task A_coordinator_broken_on_purpose_is_caught(string breakage)
    {
        Assert.Contains(breakage, Breakages.Names);
        var run = await SeedProcess.RunAsync(1, 40, $"--break {breakage}");
        Assert.NotEmpty(run.Violations);
        output.WriteLine(run.Violations[0]);
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int number)
            ? number
            : otherwise;
}
