using Quorate.Chaos.Processes;

namespace Quorate.Chaos.Campaigns;

/// <summary>
/// SIGKILL of the leader, a follower, a majority, all nodes, or one node several times. One node also has a bad disk:
/// while it is down, bits of its blobs flip.
/// </summary>
internal sealed class Kills(ChaosCluster cluster, Victims victims, Tally tally, Draws draws)
{
    /// <summary>A failover takes about a second; the campaign waits no longer than this for one.</summary>
    private static readonly TimeSpan _failoverMax = TimeSpan.FromSeconds(4);

    /// <summary>
    /// The longest wait for the next accepted update between two kills, and after a kill while another fault is active
    /// (its failover time is not measured).
    /// </summary>
    private static readonly TimeSpan _progressMax = TimeSpan.FromSeconds(2.5);

    /// <summary>Always the same node: what is damaged on a majority of disks may be lost.</summary>
    private readonly int _badDisk = draws.Below(ChaosCluster.Nodes);

    public async Task RunAsync(CancellationToken token)
    {
        while (true)
        {
            await PauseAsync(50, 500, token);
            await WaitForProgressAsync(token);
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
    /// Waits for the next accepted update, but not for long. Killing a cluster that never recovers between two kills
    /// would prove little.
    /// </summary>
    private async Task WaitForProgressAsync(CancellationToken token)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
        bound.CancelAfter(_progressMax);
        try
        {
            await cluster.NextSafeAsync(TimeProvider.System.GetTimestamp(), token: bound.Token);
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            // No progress: continue with the next fault.
        }
    }

    /// <summary>
    /// Kills the leader and, while no other fault is active, measures the time to the next accepted update.
    /// </summary>
    private async Task LeaderAsync(int leader, CancellationToken token)
    {
        var (calm, killed) = (tally.Calm, TimeProvider.System.GetTimestamp());
        await victims.KillAsync(leader, token);
        tally.Say($"kill -9 of the leader, node {leader}");
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
        bound.CancelAfter(calm is null ? _progressMax : _failoverMax);
        try
        {
            var next = await cluster.NextSafeAsync(killed, exceptBy: leader, bound.Token);
            if (calm is not null && calm == tally.Calm)
                tally.Failovers.Add(TimeProvider.System.GetElapsedTime(killed, next.At).TotalSeconds);
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            // Another fault prevents progress, or no round is open.
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

    /// <summary>Some of these kills hit the node while it starts.</summary>
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
        tally.Say($"one bit of blob {Path.GetFileName(blob)[..8]} flipped on node {node}'s disk");
    }

    private Task PauseAsync(int low, int high, CancellationToken token) => Task.Delay(
        draws.Between(TimeSpan.FromMilliseconds(low), TimeSpan.FromMilliseconds(high)), TimeProvider.System, token);
}
