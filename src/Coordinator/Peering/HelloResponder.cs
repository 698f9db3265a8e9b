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
    int node, int featureLevel, Enrolment enrolment, Agreement agreement, IReplicatedLog? log, TimeProvider time,
    ILogger logger)
{
    /// <summary>A refused caller asks again and again; one line in this time says so.</summary>
    private static readonly TimeSpan _reportEvery = TimeSpan.FromSeconds(10);

    private long _reported;

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
            Report(why);
            return reply;
        }
        (reply.Enrolled, reply.OtherIdentity) = await enrolment.AnswerAsync(hello, token);
        if (log is not null && hello.ChainFrom > 0)
            reply.Chain.AddRange(log.ChainWindow(hello.ChainFrom).Select(
                link => new ChainLink { Index = link.Index, Hash = ByteString.CopyFrom(link.Chain.ToArray()) }));
        return reply;
    }

    private void Report(string why)
    {
        long last = Interlocked.Read(ref _reported);
        if (last != 0 && time.GetElapsedTime(last) < _reportEvery) return;
        if (Interlocked.CompareExchange(ref _reported, time.GetTimestamp() | 1, last) == last) LogRefused(why);
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
