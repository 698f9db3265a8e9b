using Quorate.Chaos.Network;
using Quorate.Chaos.Processes;
using Quorate.Shared.Text;

namespace Quorate.Chaos.Campaigns;

/// <summary>
/// Partitions in one or both directions, delays, resets and flipped bits between coordinators, one after another. Bits
/// are not flipped in the log's own traffic: it has no checksum besides TCP's.
/// </summary>
internal sealed class NetworkFaults(ChaosCluster cluster, Victims victims, Tally tally, Draws draws)
{
    private static readonly Weather _held = new() { Held = true };

    private readonly FaultyNetwork _network = cluster.Network!;

    public async Task RunAsync(CancellationToken token)
    {
        while (true)
        {
            var calm = draws.Between(TimeSpan.FromSeconds(0.3), TimeSpan.FromSeconds(2));
            await Task.Delay(calm, TimeProvider.System, token);
            int node = draws.Below(2) == 0
                ? await victims.LeaderAsync(draws, token)
                : draws.Below(ChaosCluster.Nodes);
            int[] others = [.. Enumerable.Range(0, ChaosCluster.Nodes).Where(other => other != node)];
            int other = others[draws.Below(others.Length)];
            using var disturbed = tally.Disturb();
            await (draws.Below(100) switch
            {
                < 25 => PartAsync($"node {node} cut off", [.. others.SelectMany(o => Both(node, o))], token),
                < 40 => PartAsync($"node {node} cannot send", [.. others.Select(o => (node, o))], token),
                < 55 => PartAsync($"node {node} cannot receive", [.. others.Select(o => (o, node))], token),
                < 72 => PartAsync($"nodes {node} and {other} partitioned", Both(node, other), token),
                < 82 => SlowAsync(node, [.. others.SelectMany(o => Both(node, o))], token),
                < 90 => FlipAsync(node, token),
                _ => ResetAsync(node, other),
            });
        }
    }

    private static (int, int)[] Both(int one, int other) => [(one, other), (other, one)];

    private TimeSpan Length() => draws.Between(TimeSpan.FromSeconds(0.3), TimeSpan.FromSeconds(3.5));

    private async Task PartAsync(string what, (int, int)[] ways, CancellationToken token)
    {
        var length = Length();
        tally.Say($"{what} for {length.TotalSeconds:F1} s");
        tally.Count(Tally.Partitions);
        await Spell.ApplyAsync(_network.Ways(ways), _held, length, token);
    }

    private async Task SlowAsync(int node, (int, int)[] ways, CancellationToken token)
    {
        var (length, delay) = (Length(), draws.Between(TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(80)));
        tally.Say($"node {node} delayed by {delay.TotalMilliseconds:F0} ms for {length.TotalSeconds:F1} s");
        tally.Count(Tally.Delays);
        var slow = new Weather { Delay = delay, Jitter = TimeSpan.FromMilliseconds(draws.Below(30)) };
        await Spell.ApplyAsync(_network.Ways(ways), slow, length, token);
    }

    private Task FlipAsync(int node, CancellationToken token) =>
        Spell.FlipBitsAsync($"node {node} and others", _network.BlobLanes(node), Length(), tally, token);

    private Task ResetAsync(int one, int other)
    {
        int connections = _network.Reset(one, other);
        if (connections == 0) return Task.CompletedTask;
        tally.Say($"{PlainText.Count(connections, "connection")} between nodes {one} and {other} reset");
        tally.Count(Tally.Resets);
        return Task.CompletedTask;
    }
}
