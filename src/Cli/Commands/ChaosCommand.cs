using System.CommandLine;
using System.Globalization;
using Quorate.Chaos.Campaigns;
using Quorate.Cli.Show;
using Quorate.Shared.Text;

namespace Quorate.Cli.Commands;

/// <summary>
/// <c>quorate chaos</c>: starts its own cluster, injects all kinds of faults, and checks every promise.
/// </summary>
internal static class ChaosCommand
{
    private const int MinutesMax = 7 * 24 * 60;

    public static Command Build()
    {
        var minutes = QuorateCommand.Number<double>("--minutes",
            "Length of the campaign (default: 5); the run in progress is then finished and checked", 0.01, MinutesMax);
        var seed = QuorateCommand.Seed("Seed of all random choices (default: 1)");
        var json = new Option<bool>(
            "--json") { Description = "Print one JSON object as the last line of stdout; the rest goes to stderr" };
        var command = new Command("chaos",
            "Start a cluster on this machine, inject faults drawn from a seed (kills, stops, partitions, delays, "
                + "corruption), and check that nothing accepted is lost, doubled or changed.")
        {
            minutes, seed, json,
        };
        command.SetAction((parsed, token) =>
        {
            var options = new CampaignOptions
            {
                Seed = parsed.GetValue(seed) ?? 1, Length = TimeSpan.FromMinutes(parsed.GetValue(minutes) ?? 5),
            };
            return QuorateCommand.Guarded(t => RunAsync(options, parsed.GetValue(json), t), token);
        });
        return command;
    }

    /// <summary>The work of scripts/mixed-versions.sh, which builds the other versions first. Not shown in the
    /// help.</summary>
    public static Command BuildMixedVersions()
    {
        var old = new Option<string>("--old-programs")
        {
            Description = "The folder with the programs of the old build", Required = true, HelpName = "DIR",
        };
        var next = new Option<string>("--next-programs")
        {
            Description = "The folder with those of the next feature level", Required = true, HelpName = "DIR",
        };
        var cycles = QuorateCommand.Number(
            "--cycles", "Upgrades and downgrades of the whole cluster (default: 20)", 1, 9_999);
        var json = new Option<bool>("--json") { Description = "Print one JSON object as the last line of stdout" };
        var command = new Command("mixed-versions", "Upgrade and downgrade a cluster under load.")
        {
            old, next, cycles, json,
        };
        command.Hidden = true;
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                var progress = parsed.GetValue(json) ? Output.Errors : Output.Standard;
                var report = await new MixedVersions(
                    Path.GetFullPath(parsed.GetValue(old)!), Path.GetFullPath(parsed.GetValue(next)!),
                    parsed.GetValue(cycles) ?? 20, progress.Line).RunAsync(t);
                progress.Line(
                    $"{PlainText.Count(report.Cycles, "cycle")}, {PlainText.Count(report.Rounds, "round")}: "
                    + $"{report.FailedRounds} failed, {PlainText.Count(report.UpdatesRetrained, "update")} retrained, "
                    + $"histories {(report.HistoriesEqual ? "equal" : "DIFFERENT")}, "
                    + $"level {(report.Raised ? "" : "NOT ")}raised, "
                    + $"old build {(report.OldBuildRefused ? "" : "NOT ")}refused");
                if (parsed.GetValue(json)) Output.Standard.Whole(report.ToJson());
                return report.Passed ? ExitCode.Ok : ExitCode.Differs;
            },
            token));
        return command;
    }

    private static async Task<ExitCode> RunAsync(CampaignOptions options, bool json, CancellationToken token)
    {
        Programs.RequireBuilt();
        var progress = json ? Output.Errors : Output.Standard;
        progress.Line($"seed {options.Seed}, {options.Length.TotalMinutes:0.##} minutes");
        var campaign = new Campaign(options, progress.Line);
        var report = await campaign.RunAsync(token);
        progress.Line($"{report.Seconds:0} s: {campaign.Tally}");
        progress.Line(
            $"{PlainText.Count(report.Accepted, "update")} accepted, {report.Lost} lost, "
            + $"{report.CountedTwice} counted twice, {PlainText.Count(report.RoundsPublished, "round")} published; "
            + $"models {(report.BitIdentical ? "bit-identical to their replay" : "DIFFERENT from their replay")}, "
            + $"histories {(report.ChainsEqual ? "equal" : "FORKED")}, intake "
            + $"{(report.Linearizable ? "linearizable" : "NOT linearizable")}");
        if (report.FailoverSeconds is { P50: { } p50, P99: { } p99, Max: { } max, N: var n })
            progress.Line(string.Create(CultureInfo.InvariantCulture,
                $"leader killed -> next accepted update: p50 {p50:0.00} s, p99 {p99:0.00} s, max {max:0.00} s, n {n}"));
        foreach (string violation in report.Violations) progress.Line($"VIOLATION: {violation}");
        if (report.Violations.Count > 0)
            progress.Line($"{PlainText.Count(report.Violations.Count, "violation")}; the seed is {options.Seed}, "
                + $"data and logs are in {campaign.Root}");
        if (json) Output.Standard.Whole(report.ToJson());
        return report.Violations.Count == 0 ? ExitCode.Ok : ExitCode.Differs;
    }
}
