using Quorate.Chaos.Campaigns;

namespace Quorate.ChaosTests.Campaigns;

/// <summary>
/// A short `quorate chaos`: kills, stops, partitions, delays, resets, cuts, bit flips, twins and a bad disk, all at
/// once. QUORATE_CHAOS_SEED draws other faults; scripts/chaos-long.sh runs longer.
/// </summary>
public sealed class CampaignTests(ITestOutputHelper output)
{
    [Fact]
    public async Task After_all_kinds_of_faults_the_run_continues_and_nothing_accepted_is_lost_doubled_or_changed()
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
