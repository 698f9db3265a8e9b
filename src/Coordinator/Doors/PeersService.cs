using Grpc.Core;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Intake;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Doors;

/// <summary>How this node answers Hello. Peering knows the answer.</summary>
public delegate Task<HelloReply> Greeting(HelloRequest request, CancellationToken token);

/// <summary>What other coordinators ask of this one.</summary>
internal sealed class PeersService(
    BlobReceiver receiver, Greeting greeting, LeaderGate gate, IReplicatedLog log, CallLimits limits,
    ReplicationOptions options, TimeProvider time)
    : PeersBase
{
    public override Task<VerdictReply> PutBlob(IAsyncStreamReader<Part> parts, ServerCallContext context) =>
        gate.AnswerAsync(async () =>
        {
            using var guard = new StallGuard(StreamServer.MessageMax, time, context.CancellationToken);
            try
            {
                using var first = await BlobReceiver.NextAsync(parts, guard) ? parts.Current : null;
                if (!Wire.TryParse(first?.Header, out IncomingBlob blob, out string flaw)) return Wire.Rejected(flaw);
                using var permit = limits.Put();
                guard.Limit = options.SenderTimeout;
                var receipt = await receiver.ReceiveAsync(blob, copies: 1, first!, parts, guard);
                return receipt.Kind switch
                {
                    ReceiptKind.Stored => new VerdictReply { Verdict = VerdictCode.Accepted, Have = receipt.Have },
                    ReceiptKind.Rejected => Wire.Rejected(receipt.Reason),
                    ReceiptKind.TooFewCopies => throw LeaderGate.Refusal(StatusCode.Unavailable, receipt.Reason),
                    _ => Wire.Incomplete(receipt.Have, receipt.Reason),
                };
            }
            catch (Exception e) when (BlobReceiver.IsCut(e))
            {
                return Wire.Incomplete(0, e.Message);
            }
        });

    /// <summary>Chain hashes cost more than the rest, and no vote waits for them.</summary>
    public override async Task<HelloReply> Hello(HelloRequest request, ServerCallContext context)
    {
        var token = context.CancellationToken;
        if (request.ChainFrom == 0) return await greeting(request, token);
        return await await gate.AnswerAsync(() => limits.Questions.AnswerAsync(() => greeting(request, token), token));
    }

    /// <summary>A log index that covers every fact acknowledged before the call.</summary>
    public override Task<BarrierReply> Barrier(BarrierRequest request, ServerCallContext context) =>
        gate.LeadAsync(async () =>
        {
            using var permit = limits.Read();
            return new BarrierReply { Index = (await log.ReadAsync(context.CancellationToken)).Index };
        });
}
