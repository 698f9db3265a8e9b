using System.Net;
using Quorate.Chaos.Processes;
using Quorate.Shared.Hosts;

namespace Quorate.Chaos.Network;

/// <summary>
/// All links of a cluster on this machine: between each pair of coordinators, one link for each of the two ports
/// (coordinators dial it instead of the port, with <c>--dial</c>), and for each coordinator one link for all trainers.
/// </summary>
public sealed class FaultyNetwork : IAsyncDisposable
{
    private readonly HostsFile _hosts;
    private readonly Dictionary<(int From, int To), (Link Raft, Link Grpc)> _between = [];
    private readonly Dictionary<int, Link> _fromTrainers = [];

    /// <param name="hosts">The addresses on which the coordinators listen, all on this machine.</param>
    public FaultyNetwork(HostsFile hosts, ulong seed, TimeProvider time)
    {
        _hosts = hosts;
        int count = hosts.Nodes.Count;
        var ports = new Queue<int>(FreePorts.Take(2 * count * (count - 1) + count));
        foreach (var to in hosts.Nodes)
        {
            foreach (var from in hosts.Nodes.Where(node => node != to))
                _between[(from.Id, to.Id)] = (New(to.Raft), New(to.Grpc));
            _fromTrainers[to.Id] = New(to.Grpc);
        }
        // Trainers know only these links.
        var known = hosts.Nodes.Select(node =>
            $$"""{ "id": {{node.Id}}, "raft": "{{node.Raft}}", "grpc": "{{_fromTrainers[node.Id].Address}}" }""");
        ForTrainers = HostsFile.Parse($$"""{ "nodes": [ {{string.Join(", ", known)}} ] }""");

        Link New(HostPort target) => new(ports.Dequeue(), new IPEndPoint(IPAddress.Loopback, target.Port),
            Draws.Mix(seed, (ulong)ports.Count), time);
    }

    /// <summary>The hosts file for trainers, with the links' addresses.</summary>
    public HostsFile ForTrainers { get; }

    private IEnumerable<Link> All =>
        _between.Values.SelectMany(links => (Link[])[links.Raft, links.Grpc]).Concat(_fromTrainers.Values);

    /// <summary>The link from all trainers to a node.</summary>
    public Link FromTrainers(int to) => _fromTrainers[to];

    /// <summary>The value of <c>--dial</c> for a node.</summary>
    public string DialOf(int node) => string.Join(';', _hosts.Nodes.Where(to => to.Id != node).Select(to =>
        $"{to.Id}={_between[(node, to.Id)].Raft.Address},{_between[(node, to.Id)].Grpc.Address}"));

    /// <summary>
    /// All lanes from one node to another, for its requests and for its answers to the other's requests. Holding them
    /// is a one-way partition; holding both directions is a full partition.
    /// </summary>
    public IReadOnlyList<Lane> Ways(params (int From, int To)[] ways) => [.. ways.SelectMany(way =>
    {
        var (asked, answered) = (_between[way], _between[(way.To, way.From)]);
        return (Lane[])[asked.Raft.There, asked.Grpc.There, answered.Raft.Back, answered.Grpc.Back];
    })];

    /// <summary>The lanes on which blobs travel between a node and the others.</summary>
    public IReadOnlyList<Lane> BlobLanes(int node) => [.. _between.Where(b => b.Key.From == node || b.Key.To == node)
        .SelectMany(b => (Lane[])[b.Value.Grpc.There, b.Value.Grpc.Back])];

    /// <summary>Resets every connection between two nodes and returns their number.</summary>
    public int Reset(int one, int other)
    {
        (int, int)[] both = [(one, other), (other, one)];
        return both.Sum(way => _between[way].Raft.Reset() + _between[way].Grpc.Reset());
    }

    /// <summary>Fair weather everywhere.</summary>
    public void Clear()
    {
        foreach (var link in All) link.There.Weather = link.Back.Weather = Weather.Fair;
    }

    public async ValueTask DisposeAsync() => await Task.WhenAll(All.Select(link => link.DisposeAsync().AsTask()));
}
