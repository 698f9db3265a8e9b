using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Net.Client;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Settings;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Coordinator.Peering;

/// <summary>The answers to a Hello that arrived in time.</summary>
/// <param name="Accepted">From members of this cluster.</param>
/// <param name="Refusals">One sentence for each node that does not belong to it.</param>
internal sealed record PeerAnswers(IReadOnlyList<HelloReply> Accepted, IReadOnlyList<string> Refusals);

/// <summary>Introduces this node to all peers: <see cref="PeerConnections.HelloAllAsync"/>.</summary>
internal delegate Task<PeerAnswers> GreetPeers(HelloRequest request, CancellationToken token);

/// <summary>This coordinator's connections to the others.</summary>
internal sealed class PeerConnections : IDisposable
{
    private const int RoundTripsKept = 3;

    private static readonly TimeSpan _helloTimeout = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<int, TimeSpan[]> _roundTrips = new();
    private readonly Agreement _agreement;
    private readonly int _node;
    private readonly IReadOnlyList<GrpcChannel> _channels;
    private readonly IReadOnlyList<StreamConnections> _weights;

    public PeerConnections(CoordinatorOptions options, Agreement agreement, HostNames names)
    {
        (_agreement, _node) = (agreement, options.Node);
        var others = options.Hosts.Nodes.Where(node => node.Id != options.Node).ToList();
        var reached = others.Select(options.Reached).ToList();
        _channels = [.. reached.Select(node => Channels.Create(node.Grpc.Url, names))];
        _weights = [.. reached.Select(node => new StreamConnections(node.Grpc.Host, node.Grpc.Port, names))];
        All = [.. others.Select((node, i) =>
            new Peer(node.Id, new StreamInvoker(_weights[i], _channels[i].CreateCallInvoker())))];
    }

    public IReadOnlyList<Peer> All { get; }

    /// <summary>The shortest of the last three round trips of a Hello; zero as long as there are fewer.</summary>
    public TimeSpan RoundTrip(int peer) =>
        _roundTrips.TryGetValue(peer, out var last) && last.Length == RoundTripsKept ? last.Min() : TimeSpan.Zero;

    /// <summary>
    /// The identity of the data directory of the node that answers at a peer's address; 0: none answers there.
    /// </summary>
    public async Task<ulong> IdentityAsync(int node, CancellationToken token)
    {
        if (All.FirstOrDefault(peer => peer.Id == node) is not { } peer) return 0;
        var reply = await HelloAsync(peer, Own(new HelloRequest { Node = _node }), token);
        return reply?.Node == node ? reply.Identity : 0;
    }

    /// <summary>Introduces this node to all peers, and returns the answers that arrived within a second.</summary>
    public async Task<PeerAnswers> HelloAllAsync(HelloRequest request, CancellationToken token)
    {
        Own(request);
        var replies = await Task.WhenAll(All.Select(peer => HelloAsync(peer, request, token)));
        var accepted = new List<HelloReply>();
        var refusals = new List<string>();
        foreach (var (peer, reply) in All.Zip(replies))
        {
            if (reply is null) continue;
            if (reply.Node != peer.Id)
                refusals.Add($"Node {reply.Node} answers at the address of node {peer.Id}. Check the hosts files.");
            else if (_agreement.IsBroken(reply.Node, reply.Members, reply.Cluster, out string? why)) refusals.Add(why);
            else accepted.Add(reply);
        }
        return new PeerAnswers(accepted, refusals);
    }

    public void Dispose()
    {
        foreach (var streams in _weights) streams.Dispose();
        foreach (var channel in _channels) channel.Dispose();
    }

    private HelloRequest Own(HelloRequest request)
    {
        request.Members.Clear();
        request.Members.AddRange(_agreement.Members.Lines);
        request.Cluster = _agreement.Cluster;
        return request;
    }

    private async Task<HelloReply?> HelloAsync(Peer peer, HelloRequest request, CancellationToken token)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
        bound.CancelAfter(_helloTimeout);
        try
        {
            long start = TimeProvider.System.GetTimestamp();
            var reply = await peer.Peers.Hello(request, bound.Token);
            var taken = TimeProvider.System.GetElapsedTime(start);
            _roundTrips[peer.Id] = [taken, .. _roundTrips.GetValueOrDefault(peer.Id, []).Take(RoundTripsKept - 1)];
            return reply;
        }
        catch (Exception e) when (
            e is RpcException or IOException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            return null;
        }
    }
}
