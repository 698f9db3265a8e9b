using Google.Protobuf;
using Grpc.Core;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Telemetry;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Peering;

/// <summary>
/// Answers Hello: which node this is, whether it remembers the caller, and what it has applied. A coordinator of
/// another cluster is refused with a sentence and never enrolled.
/// </summary>
internal sealed partial class HelloResponder(
    int node, int featureLevel, Enrolment enrolment, Agreement agreement, PeerConnections peers, IReplicatedLog? log,
    ILogger logger)
{
    /// <summary>Chain hashes in one answer, 20 KB. A caller that wants more asks again.</summary>
    public const int ChainMax = 512;

    public async Task<HelloReply> AnswerAsync(HelloRequest hello, CancellationToken token)
    {
        var reply = new HelloReply
        {
            Node = node, LeaderNode = log?.Leadership.LeaderNode ?? -1,
            Term = log?.Leadership.Term ?? 0, Index = log?.State.Index ?? 0,
            FeatureLevel = featureLevel,
        };
        reply.Members.AddRange(agreement.Members.Lines);
        reply.Cluster = agreement.Cluster;
        if (hello.Node >= 0 && agreement.IsBroken(hello.Node, hello.Members, hello.Cluster, out string? why))
        {
            reply.Refusal = why;
            LogRefused(why);
            return reply;
        }
        if (hello.Node >= 0) reply.Identity = enrolment.Identity;
        (reply.Enrolled, reply.OtherIdentity) = await enrolment.AnswerAsync(hello, peers.IdentityAsync, token);
        if (log is not null && hello.ChainFrom > 0)
            reply.Chain.AddRange(log.ChainWindow(hello.ChainFrom, ChainMax).Select(
                link => new ChainLink { Index = link.Index, Hash = ByteString.CopyFrom(link.Chain.ToArray()) }));
        return reply;
    }

    [LoggerMessage(EventIds.CallerRefused, LogLevel.Error, "{Why}")]
    private partial void LogRefused(string why);
}

/// <summary>The peer service of a node that may not vote yet: it answers Hello only.</summary>
internal sealed class HelloOnly(HelloResponder responder) : PeersBase
{
    public override Task<HelloReply> Hello(HelloRequest request, ServerCallContext context) =>
        responder.AnswerAsync(request, context.CancellationToken);

    public override Task<VerdictReply> PutBlob(IAsyncStreamReader<Part> parts, ServerCallContext context) =>
        throw NotYet();

    public override Task<BarrierReply> Barrier(BarrierRequest request, ServerCallContext context) => throw NotYet();

    private static RpcException NotYet() =>
        new(new Status(StatusCode.Unavailable, "This coordinator has not joined its cluster yet."));
}
