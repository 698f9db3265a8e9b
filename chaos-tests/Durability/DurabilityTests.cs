using System.Globalization;

namespace Quorate.ChaosTests.Durability;

/// <summary>
/// Promises P1 and P3 of docs/PROMISES.md: what is acknowledged survives any number of process kills, and all nodes
/// hold the same history. The long run is QUORATE_DURABILITY_ROUNDS=150 (0 violations in 150 rounds mean less than 2 %
/// a round with 95 % confidence). With QUORATE_DURABILITY_LOG=stock and as many rounds, the test must fail.
/// </summary>
public sealed class DurabilityTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Acknowledged_commands_survive_the_kill_of_every_node()
    {
        int rounds = int.Parse(Setting("ROUNDS", "8"), CultureInfo.InvariantCulture);
        ulong seed = ulong.Parse(Setting("SEED", "1"), CultureInfo.InvariantCulture);
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(120 + (20 * rounds)));
        using var experiment = new KillRounds(seed, $"log={Setting("LOG", "durable")}", "snapshot=500");

        var report = await experiment.RunAsync(rounds, bound.Token);

        string summary = $"seed {seed}: {report.Rounds} rounds, {report.Kills} kills, {report.Acked} acknowledged, "
            + $"{report.Violations.Count} violations; files in {experiment.Root}";
        output.WriteLine(summary);
        Assert.True(report.Violations.Count == 0, summary + "\n" + string.Join('\n', report.Violations));
        Assert.True(report.Acked >= report.Rounds, $"Too little happened to prove anything: {summary}");
        Directory.Delete(experiment.Root, recursive: true);
    }

    private static string Setting(string name, string otherwise) =>
        Environment.GetEnvironmentVariable($"QUORATE_DURABILITY_{name}") ?? otherwise;
}
