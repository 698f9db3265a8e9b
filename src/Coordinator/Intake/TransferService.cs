using Grpc.Core;
using Quorate.Coordinator.Blobs;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// What the transfer needs to know of the rounds.
/// </summary>
public sealed record UploadRules
{
    /// <summary>
    /// Non-null: the answer, nothing need be sent. Throws <see cref="RpcException"/> where this node cannot accept, as
    /// on a follower.
    /// </summary>
    public required Func<UploadHeader, VerdictReply?> Admit { get; init; }

    /// <summary>
    /// Called with the file once its bytes are durable on a majority; checks it, waits for the group, and commits the
    /// fact.
    /// </summary>
    public required Func<UploadHeader, string, GroupCommit.Member, CancellationToken, Task<VerdictReply>> CommitAsync
    {
        get;
        init;
    }

    /// <summary>One for each upload whose bytes are on their way.</summary>
    public Places Places { get; } = new(Places.UploadsMax, "uploads");

    /// <summary>Those whose facts are committed together.</summary>
    public required GroupCommit Group { get; init; }
}

/// <summary>
/// Weights in and out, for trainers. An upload is admitted, received and relayed in one go, made durable on a majority,
/// and only then committed: ACCEPTED always means bytes on f + 1 disks and the fact in the log.
/// </summary>
public sealed class TransferService(
    BlobStore store, Replication replication, UploadRules rules, ReplicationOptions options, TimeProvider time)
        : TransferBase
{
    public override async Task Download(DownloadRequest request, IServerStreamWriter<Part> parts,
        ServerCallContext context)
    {
        using var guard = new StallGuard(options.SenderTimeout, time, context.CancellationToken);
        await BlobSending.SendAsync(store, request, parts, guard);
    }

    public override async Task<VerdictReply> Offer(UploadHeader header, ServerCallContext context)
    {
        if (Reception.Check(header) is { } flaw) return Reception.Rejected(flaw);
        if (rules.Admit(header) is { } answer) return answer;
        rules.Places.Take().Dispose(); // Where there is none, the bytes need not even set out.
        var hash = BlobHash.FromBytes(header.Blob.Span);
        bool held = await store.HasAsync(hash, context.CancellationToken);
        return Reception.Incomplete(held ? header.Length : Math.Min(store.PartLength(hash), header.Length), "");
    }

    public override async Task<VerdictReply> Upload(IAsyncStreamReader<Part> parts, ServerCallContext context)
    {
        using var guard = new StallGuard(options.SenderTimeout, time, context.CancellationToken);
        try
        {
            using var first = await Reception.NextAsync(parts, guard);
            if (Reception.Check(first?.Header) is { } flaw) return Reception.Rejected(flaw);
            var header = first!.Header!;
            if (rules.Admit(header) is { } answer) return answer;
            using var place = rules.Places.Take();
            using var member = rules.Group.Join();
            if (await StoreAsync(header, first, parts, guard) is { } refusal) return refusal;
            CrashPoint.Pass("blob-replicated");
            guard.Pause();
            return await rules.CommitAsync(header, store.PathOf(BlobHash.FromBytes(header.Blob.Span)), member,
                context.CancellationToken);
        }
        catch (StoreFullException e)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, e.Message));
        }
        catch (Exception e) when (Reception.IsCut(e))
        {
            throw new RpcException(new Status(StatusCode.Aborted,
                $"The upload was cut ({e.Message}); go on where Offer says."));
        }
    }

    /// <summary>Null: a majority has the bytes on disk. Otherwise the answer.</summary>
    private async Task<VerdictReply?> StoreAsync(
        UploadHeader header, Part first, IAsyncStreamReader<Part> parts, StallGuard guard)
    {
        var hash = BlobHash.FromBytes(header.Blob.Span);
        int copies = header.Update is null ? replication.Majority : replication.UpdateCopies, there;
        store.Bring(hash, Reception.RoundOf(header));
        using var writer = await store.HasAsync(hash, guard.Token) ? null : await store.BeginAsync(
            hash, header.Length, guard.Token);
        if (await store.HasAsync(hash, guard.Token))
        {
            guard.Pause();
            there = await replication.EnsureAsync(header, copies, guard.Token);
        }
        else
        {
            if (writer is null) return Reception.Busy(store, hash);
            long found = writer.Have;
            await using var relay = replication.Relay(writer.Source, header.Update, copies, guard.Token);
            if (await Reception.ReceiveAsync(writer, first, parts, guard) is { } refusal) return refusal;
            guard.Pause();
            // A part that a crash left here may be torn: only who sent every byte just now is to blame for the whole.
            if (!await writer.CompleteAsync()) return found > 0
                ? Reception.Incomplete(0, $"The first {found} bytes of blob {hash.Short} were damaged here; send all.")
                : Reception.Rejected($"The bytes are not those of blob {hash.Short} (wrong SHA-256).");
            there = 1 + await relay.FinishAsync();
        }
        return there >= copies ? null : throw new RpcException(new Status(
            StatusCode.Unavailable,
                $"Blob {hash.Short} lies on {there} of the {copies} disks it needs; "
                + "too few peers answer. Send it again."));
    }
}
