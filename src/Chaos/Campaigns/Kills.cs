using Quorate.Chaos.Processes;

namespace Quorate.Chaos.Campaigns;

/// <summary>
/// SIGKILL of a leader, a follower, a majority, all, and of one again and again. One node has a bad disk, too: while it
/// is down, bits of its blobs flip.
/// </summary>
internal sealed class Kills(ChaosCluster cluster, Victims victims, Tally tally, Draws draws)
{
    /// <summary>A failover takes about a second; one that takes longer than this is not waited for.</summary>
    private static readonly TimeSpan _failoverMax = TimeSpan.FromSeconds(4);

    /// <summary>
    /// While another fault is on there is no failover to measure, and none of the time between kills is spent on it.
    /// </summary>
    private static readonly TimeSpan _breath = TimeSpan.FromSeconds(2.5);

    /// <summary>The same one all the time: what a majority of disks forgets is not promised.</summary>
    private readonly int _badDisk = draws.Below(ChaosCluster.Nodes);

    public async Task RunAsync(CancellationToken token)
    {
        while (true)
        {
            await PauseAsync(50, 500, token);
            await BreathAsync(token);
            int leader = await victims.LeaderAsync(draws, token);
            int[] others = [.. Enumerable.Range(0, ChaosCluster.Nodes).Where(node => node != leader)];
            int follower = others[draws.Below(others.Length)];
            await (draws.Below(100) switch
            {
                < 40 => LeaderAsync(leader, token),
                < 50 => OnceAsync("a follower", token, follower),
                < 65 => OnceAsync("a majority", token, leader, follower),
                < 85 => OnceAsync("all", token, [leader, .. others]),
                _ => AgainAndAgainAsync(leader, token),
            });
        }
    }

    /// <summary>
    /// Faults are to strike a cluster that works: one that never gets up again between them would prove little. So the
    /// next accepted update is awaited, but not for long.
    /// </summary>
    private async Task BreathAsync(CancellationToken token)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
        bound.CancelAfter(_breath);
        try
        {
            await cluster.NextSafeAsync(TimeProvider.System.GetTimestamp(), exceptBy: -1, bound.Token);
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            // It lies still: strike it there.
        }
    }

    /// <summary>Kills the leader, and measures how long no update is accepted where nothing else is wrong.</summary>
    private async Task LeaderAsync(int leader, CancellationToken token)
    {
        var (calm, killed) = (tally.Calm, TimeProvider.System.GetTimestamp());
        await victims.KillAsync(leader, token);
        tally.Say($"kill -9 of the leader, node {leader}");
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
        bound.CancelAfter(calm is null ? _breath : _failoverMax);
        try
        {
            var next = await cluster.NextSafeAsync(killed, exceptBy: leader, bound.Token);
            if (calm is not null && calm == tally.Calm)
                tally.Failovers.Add(TimeProvider.System.GetElapsedTime(killed, next.At).TotalSeconds);
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            // Another fault stands in the way, or no round is open.
        }
        await StartAsync(leader, token);
    }

    private async Task OnceAsync(string what, CancellationToken token, params int[] nodes)
    {
        await Task.WhenAll(nodes.Select(node => victims.KillAsync(node, token)));
        tally.Say($"kill -9 of {what}: {string.Join(", ", nodes)}");
        await PauseAsync(0, 700, token);
        foreach (int node in nodes) await StartAsync(node, token);
    }

    /// <summary>It dies while it starts, too.</summary>
    private async Task AgainAndAgainAsync(int node, CancellationToken token)
    {
        tally.Say($"kill -9 of node {node}, four times");
        for (int kill = 0; kill < 4; kill++)
        {
            await victims.KillAsync(node, token);
            await StartAsync(node, token);
            await PauseAsync(100, 1500, token);
        }
    }

    private Task StartAsync(int node, CancellationToken token)
    {
        bool rots = node == _badDisk && draws.Below(4) == 0;
        return victims.StartAsync(node, rots ? () => Rot(node) : null, token);
    }

    /// <summary>Flips a bit of one blob.</summary>
    private void Rot(int node)
    {
        string folder = Path.Combine(cluster.DirectoryOf(node), "blobs");
        if (!Directory.Exists(folder)) return;
        string[] blobs = Directory.GetFiles(folder, "*", SearchOption.AllDirectories);
        if (blobs.Length == 0) return;
        Array.Sort(blobs, StringComparer.Ordinal);
        string blob = blobs[draws.Below(blobs.Length)];
        using var file = File.Open(blob, FileMode.Open, FileAccess.ReadWrite);
        if (file.Length == 0) return;
        file.Position = draws.Below((int)file.Length);
        int was = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(was ^ (1 << draws.Below(8))));
        tally.Count(Tally.DiskFaults);
        tally.Say($"a bit of {Path.GetFileName(blob)[..8]} flips on node {node}'s disk");
    }

    private Task PauseAsync(int low, int high, CancellationToken token) => Task.Delay(
        draws.Between(TimeSpan.FromMilliseconds(low), TimeSpan.FromMilliseconds(high)), TimeProvider.System, token);
}
