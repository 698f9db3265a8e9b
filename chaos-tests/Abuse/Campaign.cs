using System.Diagnostics;
using System.Globalization;
using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;
using Quorate.Shared.Processes;

namespace Quorate.ChaosTests.Abuse;

/// <summary>What one attack did to the cluster.</summary>
/// <param name="Slowdown">Time of an honest round, over the same beside an idle-priority spinner.</param>
/// <param name="MemoryMib">Most memory of a node above its most while calm.</param>
/// <param name="LogKib">Growth of the longest log.</param>
internal sealed record Effect(
    string Attack, string Rows, long Exits, long Elections, double MemoryMib, double Slowdown, double LogKib,
    string Note);

/// <summary>
/// A cluster of three coordinators with five honest trainers that train all the time, and one attack after another. The
/// attackers, and the spinner that calm is measured beside, run at idle priority: what counts is what the coordinators
/// do, not who else needs the processors.
/// </summary>
internal sealed class Campaign(ChaosCluster cluster, TimeSpan length)
{
    public static readonly ChaosRun Run = new()
    {
        Name = "abuse", Rounds = 100_000, Trainers = 5, MinResults = 5, Grace = TimeSpan.FromMilliseconds(20),
        Elements = 50_000, KeepUpdateRounds = 0, KeepModels = 2,
    };

    private static readonly TimeSpan _settle = TimeSpan.FromSeconds(2);

    private readonly double[] _calm = new double[ChaosCluster.Nodes];
    private double _roundsASecond;

    private static TimeProvider Time => TimeProvider.System;

    /// <summary>Starts the cluster and the member that joins and sends nothing.</summary>
    public static async Task<ChaosCluster> StartAsync(string name, CancellationToken token)
    {
        var cluster = await ChaosCluster.StartAsync(
            Run with { Name = name }, TimeSpan.FromMilliseconds(20), "--collect-after-seconds", "5");
        await cluster.WhenAsync(run => run.Round >= 3, "round 3", token: token);
        return cluster;
    }

    /// <summary>Measures rounds and memory beside two spinners.</summary>
    public async Task CalmAsync(CancellationToken token)
    {
        using var spinners = new Spinners();
        await Task.Delay(_settle, Time, token);
        var window = await WindowAsync(length, token);
        _roundsASecond = window.RoundsASecond;
        window.Peaks.CopyTo(_calm, 0);
    }

    public async Task<Effect> SufferAsync(Attack attack, CancellationToken token)
    {
        long term = await TermAsync(token);
        long log = LogBytes();
        string output = Path.Combine(cluster.Root, $"attack-{attack.Name}.log");
        using var attacker = Idle.Start(
            ["attack", attack.Name, Path.Combine(cluster.Root, "hosts.json"),
             (length + _settle).TotalSeconds.ToString(CultureInfo.InvariantCulture)], output);
        await Task.Delay(_settle, Time, token);
        var window = await WindowAsync(length, token);
        attacker.Kill();
        await attacker.WaitForExitAsync(token);
        long grown = LogBytes() - log;
        await Task.Delay(_settle, Time, token);
        double above = window.Peaks.Zip(_calm, (peak, calm) => peak - calm).Max() * 1e6 / (1 << 20);
        return new Effect(attack.Name, attack.Rows, Exits(), await TermAsync(token) - term, above,
            window.RoundsASecond > 0 ? _roundsASecond / window.RoundsASecond : double.PositiveInfinity,
            grown / 1024.0, File.Exists(output) ? File.ReadAllText(output).Trim() : "");
    }

    /// <summary>Bytes of the nodes' data directories, once they have collected what nobody needs; calm is the limit.
    /// </summary>
    public async Task<double> DiskMibAboveAsync(long calm, TimeSpan patience, CancellationToken token)
    {
        long started = Time.GetTimestamp();
        long above;
        do
        {
            await Task.Delay(TimeSpan.FromSeconds(1), Time, token);
            above = DiskBytes() - calm;
        }
        while (above > 16 << 20 && Time.GetElapsedTime(started) < patience);
        return above / (double)(1 << 20);
    }

    public long DiskBytes() => Enumerable.Range(0, ChaosCluster.Nodes).Sum(node => new DirectoryInfo(
        cluster.DirectoryOf(node)).EnumerateFiles("*", SearchOption.AllDirectories).Sum(Length));

    public int Exits() => Enumerable.Range(0, ChaosCluster.Nodes).Count(node => cluster[node].OwnExit is not null);

    private static long Length(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0; // Deleted or renamed meanwhile.
        }
    }

    private async Task<(double RoundsASecond, double[] Peaks)> WindowAsync(TimeSpan window, CancellationToken token)
    {
        double[] peaks = new double[ChaosCluster.Nodes];
        int first = await RoundAsync(token);
        long started = Time.GetTimestamp();
        while (Time.GetElapsedTime(started) < window)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), Time, token);
            for (int node = 0; node < peaks.Length; node++)
                if (cluster[node].OwnExit is null) peaks[node] = Math.Max(peaks[node], cluster[node].Megabytes());
        }
        int last = await RoundAsync(token);
        return ((last - first) / Time.GetElapsedTime(started).TotalSeconds, peaks);
    }

    /// <summary>The newest round of the honest trainers' own records: asking a node could be refused.</summary>
    private Task<int> RoundAsync(CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        return Task.FromResult(
            cluster.Trainers.Min(trainer => trainer.Record.Safe.Select(safe => safe.Round).DefaultIfEmpty().Max()));
    }

    private async Task<long> TermAsync(CancellationToken token)
    {
        StatusReply?[] replies;
        do replies = await cluster.Connections.StatusAsync(new StatusRequest { Trail = 1 }, token);
        while (replies.All(reply => reply is null));
        return replies.Max(reply => reply?.Term ?? 0);
    }

    private long LogBytes() => Enumerable.Range(0, ChaosCluster.Nodes).Max(
        node => new FileInfo(cluster.DirectoryOf(node) + ".log").Length);
}

/// <summary>Programs at the lowest priority, so that they take only what the others leave.</summary>
internal static class Idle
{
    /// <summary>Starts this program once more.</summary>
    public static ChildProgram Start(string[] arguments, string log) => ChildProgram.Start(
        Path.Combine(AppContext.BaseDirectory, "Quorate.Abuse.dll"), log, arguments, niceness: 19);
}

/// <summary>Two processes that do nothing but take what processor time is left.</summary>
internal sealed class Spinners : IDisposable
{
    private readonly Process[] _processes =
    [
        .. Enumerable.Range(0, 2).Select(_ => Process.Start("nice", ["-n", "19", "sh", "-c", "while :; do :; done"])),
    ];

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            process.Kill(entireProcessTree: true);
            process.Dispose();
        }
    }
}
