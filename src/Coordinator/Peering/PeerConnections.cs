using Grpc.Core;
using Grpc.Net.Client;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Settings;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Coordinator.Peering;

/// <summary>This coordinator's connections to the others.</summary>
internal sealed class PeerConnections : IDisposable
{
    private static readonly TimeSpan HelloTimeout = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<GrpcChannel> _channels;
    private readonly IReadOnlyList<StreamConnections> _weights;

    public PeerConnections(CoordinatorOptions options, HostNames names)
    {
        var others = options.Hosts.Nodes.Where(node => node.Id != options.Node).ToList();
        var reached = others.Select(options.Reached).ToList();
        _channels = [.. reached.Select(node => Channels.Create(node.Grpc.Url, names))];
        _weights = [.. reached.Select(node => new StreamConnections(node.Grpc.Host, node.Grpc.Port, names))];
        All = [.. others.Select((node, i) =>
            new Peer(node.Id, new StreamInvoker(_weights[i], _channels[i].CreateCallInvoker())))];
    }

    public IReadOnlyList<Peer> All { get; }

    /// <summary>The answers that arrived within a second.</summary>
    public async Task<IReadOnlyList<HelloReply>> HelloAllAsync(HelloRequest request, CancellationToken token)
    {
        var replies = await Task.WhenAll(All.Select(peer => HelloAsync(peer, request, token)));
        return [.. replies.OfType<HelloReply>()];
    }

    public void Dispose()
    {
        foreach (var streams in _weights) streams.Dispose();
        foreach (var channel in _channels) channel.Dispose();
    }

    private static async Task<HelloReply?> HelloAsync(Peer peer, HelloRequest request, CancellationToken token)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
        bound.CancelAfter(HelloTimeout);
        try
        {
            return await peer.Peers.Hello(request, bound.Token);
        }
        catch (Exception e) when (
            e is RpcException or IOException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            return null;
        }
    }
}
