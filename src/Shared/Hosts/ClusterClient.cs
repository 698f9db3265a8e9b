using Grpc.Core;
using Grpc.Net.Client;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Shared.Hosts;

/// <summary>One channel to every coordinator of a hosts file. Thread-safe.</summary>
public sealed class ClusterClient(HostsFile hosts, TimeProvider time) : IDisposable
{
    private readonly GrpcChannel[] _channels = [.. hosts.Nodes.Select(n => Channels.Create(n.Grpc.Url))];

    /// <summary>In the order of <see cref="Channel"/> and of every answer here.</summary>
    public IReadOnlyList<Node> Nodes => hosts.Nodes;

    /// <summary>The channel to <c>Nodes[<paramref name="at"/>]</c>.</summary>
    public GrpcChannel Channel(int at) => _channels[at];

    /// <summary>Asks every node at once. Null where one did not answer within <paramref name="patience"/>.</summary>
    public Task<StatusReply?[]> StatusAsync(StatusRequest request, TimeSpan patience, CancellationToken token) =>
        Task.WhenAll(_channels.Select(channel => AskAsync(channel, request, patience, token)));

    /// <summary>Calls the node that leads. Null when none does: no answer says so, or the call's own says it does no more.</summary>
    public async Task<VerdictReply?> TellLeaderAsync(
        Func<Federation.FederationClient, CallOptions, AsyncUnaryCall<VerdictReply>> call, TimeSpan patience, CancellationToken token)
    {
        var replies = await StatusAsync(new StatusRequest { Trail = 1 }, patience, token);
        if (Leader(replies) is not { } leader) return null;
        int at = Array.IndexOf(replies, leader);
        try
        {
            return await call(new Federation.FederationClient(_channels[at]), Options(patience, token));
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.FailedPrecondition or StatusCode.DeadlineExceeded)
        {
            return null;
        }
    }

    /// <summary>The reply of the node that leads: of those that say so, the one of the highest term. Null when none does.</summary>
    public static StatusReply? Leader(IEnumerable<StatusReply?> replies) =>
        replies.OfType<StatusReply>().Where(r => r.Leader).MaxBy(r => r.Term);

    public void Dispose()
    {
        foreach (var channel in _channels) channel.Dispose();
    }

    private async Task<StatusReply?> AskAsync(GrpcChannel channel, StatusRequest request, TimeSpan patience, CancellationToken token)
    {
        try
        {
            return await new Federation.FederationClient(channel).StatusAsync(request, Options(patience, token));
        }
        catch (RpcException) when (!token.IsCancellationRequested)
        {
            return null;
        }
    }

    private CallOptions Options(TimeSpan patience, CancellationToken token) =>
        new(deadline: time.GetUtcNow().UtcDateTime + patience, cancellationToken: token);
}
