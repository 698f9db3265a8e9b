using Grpc.Core;
using Grpc.Net.Client;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Shared.Cluster;

/// <summary>
/// Connections to every coordinator of a hosts file. Small calls and heartbeats share one connection; weights have
/// their own streams, so a transfer never delays a heartbeat.
/// </summary>
public sealed class ClusterConnections : IDisposable
{
    /// <summary>
    /// A coordinator answers a status request in milliseconds or hangs; all are asked at the same time. A program that
    /// has just started may need longer for its first call: the command line waits three seconds.
    /// </summary>
    public TimeSpan StatusTimeout { get; init; } = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly LeaderSearch _search;

    public ClusterConnections(HostsFile hosts, TimeProvider time)
        : this([.. hosts.Nodes.Select(node => new NodeConnection(node.Id, node.Grpc))], time)
    {
    }

    internal ClusterConnections(IReadOnlyList<NodeConnection> nodes, TimeProvider time)
    {
        (Nodes, _time) = (nodes, time);
        _search = new LeaderSearch(nodes, time);
    }

    /// <summary>One per coordinator, in the order of the hosts file.</summary>
    public IReadOnlyList<NodeConnection> Nodes { get; }

    /// <summary>
    /// Every node's status, in the order of <see cref="Nodes"/>; null for a node that did not answer in time. With
    /// <see cref="StatusRequest.Trail"/> 0, a trail that takes several replies is put together.
    /// </summary>
    public Task<StatusReply?[]> StatusAsync(StatusRequest request, CancellationToken token) =>
        Task.WhenAll(Nodes.Select(node => StatusAsync(node, request, token)));

    /// <summary>
    /// The first node that says it leads; null if none does within a second. Asks all nodes at once.
    /// </summary>
    public Task<NodeConnection?> FindLeaderAsync(CancellationToken token) => _search.FindAsync(StatusTimeout, token);

    /// <summary>
    /// One sentence for each pair of nodes that do not belong to one cluster, or whose histories differ; empty if all
    /// that answer agree.
    /// </summary>
    /// <param name="statuses">Their answers to a status request, which say up to where their histories reach.</param>
    public async Task<IReadOnlyList<string>> DifferencesAsync(
        IReadOnlyList<StatusReply?> statuses, CancellationToken token)
    {
        long from = Math.Max(1, statuses.Select(status => status?.Index ?? long.MaxValue).Min());
        if (from == long.MaxValue) return [];
        var hello = new HelloRequest { Node = -1, ChainFrom = from };
        var replies = await Task.WhenAll(Nodes.Select(node => AnswerAsync(
            bound => node.Peers.Hello(hello, bound).ResponseAsync, token))).ConfigureAwait(false);
        return Histories.Differences([.. replies.OfType<HelloReply>()]);
    }

    public void Dispose()
    {
        foreach (var node in Nodes) node.Dispose();
    }

    private async Task<StatusReply?> StatusAsync(NodeConnection node, StatusRequest request, CancellationToken token)
    {
        var reply = await AskAsync(node, request, token).ConfigureAwait(false);
        if (request.Trail > 0) return reply;
        while (reply?.Run is { Trail: [{ Round: > 0 and var first }, ..] } run)
        {
            var older = await AskAsync(node, new StatusRequest { Run = run.Run, Before = first }, token)
                .ConfigureAwait(false);
            if (older?.Run is not { Trail: [var oldest, ..] page } || oldest.Round >= first) return null;
            page.AddRange(run.Trail);
            run.Trail.Clear();
            run.Trail.AddRange(page);
        }
        return reply;
    }

    private Task<StatusReply?> AskAsync(NodeConnection node, StatusRequest request, CancellationToken token) =>
        AnswerAsync(bound => node.Federation.StatusAsync(request, cancellationToken: bound).ResponseAsync, token);

    private async Task<T?> AnswerAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken token)
        where T : class
    {
        using var limit = new CancellationTokenSource(StatusTimeout, _time);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token, limit.Token);
        try
        {
            return await call(bound.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (
            e is RpcException or IOException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            return null; // Refused, or it took too long.
        }
    }
}

/// <summary>The connections to one coordinator, opened when first used.</summary>
public sealed class NodeConnection : IDisposable
{
    private readonly Lazy<GrpcChannel>? _channel;
    private readonly Lazy<CallInvoker> _control;
    private readonly StreamConnections _weights;

    internal NodeConnection(int id, HostPort address)
    {
        (Id, Address) = (id, $"http://{address}");
        _channel = new Lazy<GrpcChannel>(() => Channels.Create(Address));
        _control = new Lazy<CallInvoker>(() => _channel.Value.CreateCallInvoker());
        _weights = new StreamConnections(address.Host, address.Port);
    }

    internal NodeConnection(int id, string address, CallInvoker control, StreamConnections weights) =>
        (Id, Address, _control, _weights) = (id, address, new Lazy<CallInvoker>(control), weights);

    public int Id { get; }
    public string Address { get; }
    public Federation.FederationClient Federation => new(_control.Value);
    public Admin.AdminClient Admin => new(_control.Value);
    public PeersClient Peers => new(_control.Value);
    public TransferClient Transfer => new(new StreamInvoker(_weights, _control.Value));

    public void Dispose()
    {
        _weights.Dispose();
        if (_channel is { IsValueCreated: true }) _channel.Value.Dispose();
    }
}
