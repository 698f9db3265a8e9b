using System.CommandLine;
using System.Globalization;
using Quorate.Chaos.Campaigns;

namespace Quorate.Cli.Commands;

/// <summary>
/// <c>quorate chaos</c>: starts its own cluster, injects all kinds of faults, and checks every promise.
/// </summary>
internal static class ChaosCommand
{
    private const int MinutesMax = 7 * 24 * 60;

    public static Command Build()
    {
        var minutes = new Option<double>("--minutes")
        {
            Description = "Length of the campaign; the run in progress is then finished and checked",
            DefaultValueFactory = _ => 5,
        };
        minutes.Validators.Add(result =>
        {
            if (result.Tokens is [var token]
                && double.TryParse(token.Value, CultureInfo.InvariantCulture, out double value)
                && value is not (> 0 and <= MinutesMax))
                result.AddError($"--minutes must be above 0 and at most {MinutesMax}, not {token.Value}.");
        });
        var seed = new Option<ulong>("--seed") { Description = "Seed of all random choices",
            DefaultValueFactory = _ => 1 };
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
                Seed = parsed.GetValue(seed), Length = TimeSpan.FromMinutes(parsed.GetValue(minutes)),
            };
            return QuorateCommand.Guarded(t => RunAsync(options, parsed.GetValue(json), t), token);
        });
        return command;
    }

    /// <summary>The work of scripts/mixed-versions.sh, which builds the old version first. Not shown in the
    /// help.</summary>
    public static Command BuildMixedVersions()
    {
        var old = new Option<string>("--old-programs")
        {
            Description = "The folder with the programs of the old build", Required = true, HelpName = "DIR",
        };
        var cycles = new Option<int>("--cycles")
        {
            Description = "Upgrades and downgrades of the whole cluster", DefaultValueFactory = _ => 20,
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON object as the last line of stdout" };
        var command = new Command("mixed-versions", "Upgrade and downgrade a cluster under load.")
        {
            old, cycles, json,
        };
        command.Hidden = true;
        command.SetAction((parsed, token) => QuorateCommand.Guarded(
            async t =>
            {
                var progress = parsed.GetValue(json) ? Console.Error : Console.Out;
                var report = await new MixedVersions(
                    Path.GetFullPath(parsed.GetValue(old)!), parsed.GetValue(cycles), progress.WriteLine).RunAsync(t);
                progress.WriteLine(
                    $"{report.Cycles} cycles, {report.Rounds} rounds: {report.FailedRounds} failed, "
                    + $"{report.UpdatesRetrained} updates retrained, histories "
                    + $"{(report.HistoriesEqual ? "equal" : "DIFFERENT")}");
                if (parsed.GetValue(json)) Console.Out.WriteLine(report.ToJson());
                return report.Passed ? ExitCode.Ok : ExitCode.Differs;
            },
            token));
        return command;
    }

    private static async Task<ExitCode> RunAsync(CampaignOptions options, bool json, CancellationToken token)
    {
        Programs.RequireBuilt();
        var progress = TextWriter.Synchronized(json ? Console.Error : Console.Out);
        progress.WriteLine($"seed {options.Seed}, {options.Length.TotalMinutes:0.##} minutes");
        var campaign = new Campaign(options, progress.WriteLine);
        var report = await campaign.RunAsync(token);
        progress.WriteLine(
            $"{report.Seconds:0} s: {campaign.Tally}\n{report.Accepted} updates accepted, {report.Lost} lost, "
            + $"{report.CountedTwice} counted twice, {report.RoundsPublished} rounds published; models "
            + $"{(report.BitIdentical ? "bit-identical to their replay" : "DIFFERENT from their replay")}, histories "
            + $"{(report.ChainsEqual ? "equal" : "FORKED")}, intake "
            + $"{(report.Linearizable ? "linearizable" : "NOT linearizable")}");
        if (report.FailoverSeconds is { P50: { } p50, P99: { } p99, Max: { } max, N: var n })
            progress.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"leader killed -> next accepted update: p50 {p50:0.00} s, p99 {p99:0.00} s, max {max:0.00} s, n {n}"));
        foreach (string violation in report.Violations) progress.WriteLine($"VIOLATION: {violation}");
        if (report.Violations.Count > 0)
            progress.WriteLine($"{Tally.Number(report.Violations.Count, "violation")}; the seed is {options.Seed}, "
                + $"data and logs are in {campaign.Root}");
        if (json) Console.Out.WriteLine(report.ToJson());
        return report.Violations.Count == 0 ? ExitCode.Ok : ExitCode.Differs;
    }
}
