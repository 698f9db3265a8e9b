using Google.Protobuf;
using Grpc.Core;
using Quorate.Coordinator.Consensus;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Peering;

/// <summary>Answers Hello: which node this is, whether it remembers the caller, and what it has applied.</summary>
internal sealed class HelloResponder(int node, Enrolment enrolment, IReplicatedLog? log)
{
    public HelloReply Answer(HelloRequest hello)
    {
        var (enrolled, other) = enrolment.Answer(hello);
        var reply = new HelloReply
        {
            Node = node, Enrolled = enrolled, OtherIdentity = other, LeaderNode = log?.Leadership.LeaderNode ?? -1,
            Term = log?.Leadership.Term ?? 0, Index = log?.State.Index ?? 0,
        };
        if (log is not null && hello.ChainFrom > 0)
            reply.Chain.AddRange(log.ChainWindow(hello.ChainFrom).Select(
                link => new ChainLink { Index = link.Index, Hash = ByteString.CopyFrom(link.Chain.ToArray()) }));
        return reply;
    }
}

/// <summary>The peer service of a node that may not vote yet: it answers Hello only.</summary>
internal sealed class HelloOnly(HelloResponder responder) : PeersBase
{
    public override Task<HelloReply> Hello(HelloRequest request, ServerCallContext context) =>
        Task.FromResult(responder.Answer(request));

    public override Task<VerdictReply> PutBlob(IAsyncStreamReader<Part> parts, ServerCallContext context) =>
        throw NotYet();

    public override Task<BarrierReply> Barrier(BarrierRequest request, ServerCallContext context) => throw NotYet();

    private static RpcException NotYet() =>
        new(new Status(StatusCode.Unavailable, "This coordinator has not joined its cluster yet."));
}
