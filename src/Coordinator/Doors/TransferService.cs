using Grpc.Core;
using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Intake;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Doors;

/// <summary>Weights in and out, for trainers and people. ACCEPTED always means: durable on a majority.</summary>
internal sealed class TransferService(
    BlobStore store, UpdateIntake intake, LeaderGate gate, Authorizer authorizer, CallLimits limits,
    ReplicationOptions options, TimeProvider time)
    : TransferBase
{
    public override async Task Download(DownloadRequest request, IServerStreamWriter<Part> parts,
        ServerCallContext context)
    {
        using var permit = LeaderGate.Permit(limits.Download);
        using var guard = new StallGuard(options.SenderTimeout, time, context.CancellationToken);
        await BlobSending.SendAsync(store, request, parts, guard);
    }

    public override Task<VerdictReply> Offer(UploadHeader header, ServerCallContext context) =>
        gate.AnswerAsync(async () =>
        {
            if (!Wire.TryParse(header, out UploadOffer offer, out string flaw)) return Wire.Rejected(flaw);
            authorizer.Require(Caller.Of(context), Permissions.NameOf(offer));
            return ToReply(await intake.OfferAsync(offer, context.CancellationToken));
        });

    public override Task<VerdictReply> Upload(IAsyncStreamReader<Part> parts, ServerCallContext context) =>
        gate.AnswerAsync(async () =>
        {
            using var guard = new StallGuard(StreamServer.MessageMax, time, context.CancellationToken);
            try
            {
                using var first = await BlobReceiver.NextAsync(parts, guard) ? parts.Current : null;
                if (!Wire.TryParse(first?.Header, out UploadOffer offer, out string flaw)) return Wire.Rejected(flaw);
                authorizer.Require(Caller.Of(context), Permissions.NameOf(offer));
                // Only now: a caller that sends no header takes no place from the others.
                using var permit = limits.Upload();
                using var own = limits.UploadOf(offer is UpdateOffer update ? update.Trainer.ToString() : "");
                guard.Limit = options.SenderTimeout;
                return ToReply(await intake.UploadAsync(offer, first!, parts, guard, context.CancellationToken));
            }
            catch (Exception e) when (BlobReceiver.IsCut(e))
            {
                throw Cut(e.Message);
            }
        });

    internal static VerdictReply ToReply(UploadAnswer answer) => answer switch
    {
        UploadAnswer.Judged(var outcome) => outcome.ToReply(),
        UploadAnswer.NotStored(var receipt) => receipt.Kind switch
        {
            ReceiptKind.Incomplete => Wire.Incomplete(receipt.Have, receipt.Reason),
            ReceiptKind.Rejected => Wire.Rejected(receipt.Reason),
            ReceiptKind.Cut => throw Cut(receipt.Reason),
            _ => throw LeaderGate.Refusal(StatusCode.Unavailable, receipt.Reason),
        },
        _ => throw new System.Diagnostics.UnreachableException($"Unknown answer {answer}."),
    };

    private static RpcException Cut(string why) =>
        LeaderGate.Refusal(StatusCode.Aborted, $"The upload was cut ({why}); continue where Offer says.");
}

/// <summary>The server's side of a download: a blob from the disk, part by part, as fast as the client reads.</summary>
internal static class BlobSending
{
    /// <param name="guard">Judges the client alone, not this node's disk.</param>
    /// <exception cref="RpcException">NOT_FOUND: not on this node. INVALID_ARGUMENT or OUT_OF_RANGE: there can be no
    /// such blob or range. CANCELLED: the client took nothing within the guard's limit.</exception>
    public static async Task SendAsync(
        BlobStore store, DownloadRequest request, IServerStreamWriter<Part> parts, StallGuard guard)
    {
        guard.Pause();
        if (request.Blob.Length != BlobHash.Size)
            throw LeaderGate.Refusal(StatusCode.InvalidArgument,
                $"The blob's name has {PlainText.Count(request.Blob.Length, "byte")}, a SHA-256 has {BlobHash.Size}.");
        var hash = BlobHash.FromBytes(request.Blob.Span);
        using var file = await store.OpenAsync(hash, guard.Token)
            ?? throw LeaderGate.Refusal(StatusCode.NotFound,
                $"Blob {hash} is not on this node; ask another one, or try later.");
        long length = RandomAccess.GetLength(file), from = request.Offset;
        if (from < 0 || from > length || request.Length < 0 || request.Length > length - from)
            throw LeaderGate.Refusal(StatusCode.OutOfRange,
                $"Blob {hash.Short} has {PlainText.Count(length, "byte")}, not {request.Length} from {from} on.");
        try
        {
            await SendAsync(file, from, request.Length == 0 ? length : from + request.Length, parts, guard);
        }
        catch (OperationCanceledException) when (guard.IsCut)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "The client stopped reading.", guard.Fault()));
        }
    }

    private static async Task SendAsync(
        SafeFileHandle file, long from, long to, IServerStreamWriter<Part> parts, StallGuard guard)
    {
        int usual = Part.BytesOf(RandomAccess.GetLength(file));
        using var part = Part.Rent((int)Math.Min(usual, to - from));
        while (from < to)
        {
            int wanted = (int)Math.Min(usual, to - from);
            int count = RandomAccess.Read(file, part.Room.Span[..wanted], from);
            if (count == 0) throw LeaderGate.Refusal(StatusCode.DataLoss,
                "The blob's file was cut while it was being read; ask another node.");
            part.Fill(from, count);
            part.Last = from + count == to;
            guard.Moved();
            await parts.WriteAsync(part, guard.Token);
            guard.Pause();
            BlobMeter.Sent.Add(count);
            from += count;
        }
    }
}
