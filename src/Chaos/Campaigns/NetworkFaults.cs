using Quorate.Chaos.Network;
using Quorate.Chaos.Processes;

namespace Quorate.Chaos.Campaigns;

/// <summary>
/// Partitions of both kinds, slowness, resets and flipped bits between coordinators; one after the other. The log's own
/// traffic is spared the flips: it has no checksum but TCP's.
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
                < 40 => PartAsync($"node {node} speaks and is not heard", [.. others.Select(o => (node, o))], token),
                < 55 => PartAsync($"node {node} does not hear", [.. others.Select(o => (o, node))], token),
                < 72 => PartAsync($"nodes {node} and {other} apart", Both(node, other), token),
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
        await Spell.OnAsync(_network.Ways(ways), _held, length, token);
    }

    private async Task SlowAsync(int node, (int, int)[] ways, CancellationToken token)
    {
        var (length, delay) = (Length(), draws.Between(TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(80)));
        tally.Say($"node {node} slow by {delay.TotalMilliseconds:F0} ms for {length.TotalSeconds:F1} s");
        tally.Count(Tally.Delays);
        var slow = new Weather { Delay = delay, Jitter = TimeSpan.FromMilliseconds(draws.Below(30)) };
        await Spell.OnAsync(_network.Ways(ways), slow, length, token);
    }

    private Task FlipAsync(int node, CancellationToken token) =>
        Spell.OfFlipsAsync($"node {node} and others", _network.BlobLanes(node), Length(), tally, token);

    private Task ResetAsync(int one, int other)
    {
        int connections = _network.Reset(one, other);
        tally.Say($"{connections} connections between nodes {one} and {other} reset");
        if (connections > 0) tally.Count(Tally.Resets);
        return Task.CompletedTask;
    }
}
