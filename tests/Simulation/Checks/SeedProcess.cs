using System.Diagnostics;
using System.Globalization;
using Quorate.Shared.Processes;

namespace Quorate.Simulation.Checks;

/// <summary>The output of a process that ran some seeds.</summary>
internal sealed record SeedProcess(int ExitCode, IReadOnlyList<string> Lines)
{
    /// <summary>A seed takes less than a second; only a hang exceeds this.</summary>
    private static readonly TimeSpan _perSeedMax = TimeSpan.FromSeconds(15);

    public IReadOnlyList<string> Violations =>
        [.. Lines.Where(line => line.StartsWith("QUORATE_SIM_SEED=", StringComparison.Ordinal))];

    public IEnumerable<string> Totals => Lines.Where(line => line.StartsWith("seeds ", StringComparison.Ordinal));

    public IEnumerable<string> Marks => Lines.Where(line => line.StartsWith("mark ", StringComparison.Ordinal))
        .Select(line => line.Split(' ', 3)[2]);

    public long Moves => Totals.Sum(line => long.Parse(After(line, "moves"), CultureInfo.InvariantCulture));

    public string Trace => string.Concat(Totals.Select(line => After(line, "trace")));

    public static async Task<SeedProcess> RunAsync(int from, int count, string more)
    {
        string program = typeof(SeedProcess).Assembly.Location;
        var start = new ProcessStartInfo(DotnetHost.Path, $"\"{program}\" {from} {count} {more}")
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(60) + (_perSeedMax * count));
        try
        {
            string printed = await process.StandardOutput.ReadToEndAsync(bound.Token);
            await process.WaitForExitAsync(bound.Token);
            return new SeedProcess(process.ExitCode, printed.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    private static string After(string line, string word)
    {
        string[] words = line.Split(' ');
        return words[Array.IndexOf(words, word) + 1];
    }
}
