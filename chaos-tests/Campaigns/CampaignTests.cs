using Quorate.Chaos.Campaigns;
using Xunit.Abstractions;

namespace Quorate.ChaosTests.Campaigns;

/// <summary>
/// `quorate chaos`, short: kills, stops, partitions, delays, resets, cuts, flips, twins and a rotting disk, all at
/// once. Another storm: QUORATE_CHAOS_SEED. A longer one: scripts/chaos-long.sh.
/// </summary>
public sealed class CampaignTests(ITestOutputHelper output)
{
    [Fact]
    public async Task After_a_storm_of_all_faults_the_run_goes_on_and_nothing_accepted_is_lost_doubled_or_different()
    {
        var options = new CampaignOptions
        {
            Seed = (ulong)Settings.Number("SEED", 1), Length = TimeSpan.FromSeconds(Settings.Number("STORM", 12)),
            Storm = TimeSpan.FromSeconds(Settings.Number("STORM", 12)), Rounds = 10, Trainers = 3,
            Pace = TimeSpan.FromMilliseconds(400),
        };
        var campaign = new Campaign(options, output.WriteLine);
        var report = await campaign.RunAsync(CancellationToken.None);
        Assert.True(report.Violations.Count == 0,
            $"seed {report.Seed}, {campaign.Root}\n{string.Join('\n', report.Violations)}");
        Assert.True(report is { Linearizable: true, BitIdentical: true, ChainsEqual: true, Lost: 0, CountedTwice: 0 });
    }
}
