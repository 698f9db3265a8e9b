using System.Diagnostics;
using System.Text.Json;

namespace Quorate.ChaosTests.Cluster;

/// <summary>
/// scripts/abuse.sh in short: every attack for QUORATE_CHAOS_ABUSE_SECONDS (1 in CI). What depends on the machine's
/// load is measured by the script alone.
/// </summary>
public sealed class AbuseTests(ITestOutputHelper output)
{
    [Fact]
    public async Task No_attack_ends_a_node_or_deposes_a_leader()
    {
        bool quiet = Flow.IsQuiet;
        string seconds = $"{Settings.Number("ABUSE_SECONDS", 1)}";
        var start = new ProcessStartInfo(Shared.Processes.DotnetHost.Path,
            [Path.Combine(ProgramProcess.Programs, "Abuse", "release", "Quorate.Abuse.dll"),
             "--json", "--seconds", seconds, "--no-disk"]) { RedirectStandardOutput = true };
        using var abuse = Process.Start(start)!;
        string text = await abuse.StandardOutput.ReadToEndAsync();
        await abuse.WaitForExitAsync();

        output.WriteLine(text);
        var bars = text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement)
            .ToDictionary(bar => bar.GetProperty("bar").GetString()!, bar => bar.GetProperty("met").GetBoolean());
        Assert.True(bars["no process exits"]);
        Assert.True(bars["growth of a log, KiB"]);
        if (quiet) Assert.True(bars["no election"]);
    }
}
