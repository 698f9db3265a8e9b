using Grpc.Core;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Telemetry;
using Quorate.Pt;
using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// The way of an upload, from its header to its verdict. The order is the promise:
/// <list type="number">
/// <item>Admit: what the state refuses already is refused before a byte travels.</item>
/// <item>The bytes arrive, are hashed, and are on the disks of a majority (Blobs).</item>
/// <item>Commit: the file is checked, the fact is proposed, a majority commits it. Only then is ACCEPTED said.</item>
/// </list>
/// A crash before the answer leaves the trainer to ask again under the same key: it is answered DUPLICATE if the fact
/// was committed, and goes on from the bytes that are there if it was not.
/// </summary>
internal sealed partial class UpdateIntake(
    IReplicatedLog log, LeaderGate gate, BlobStore blobs, LostUpdates lost, TimeProvider time,
    ILogger<UpdateIntake> logger)
{
    /// <summary>
    /// A file may differ from the model's in its names' padding and directory, never by more than this.
    /// </summary>
    private const long OverheadBytesMax = 1 << 20;

    /// <summary>The answer where none of the bytes are needed for it; null: send them.</summary>
    /// <exception cref="RpcException">This node does not lead.</exception>
    public VerdictReply? Admit(UploadHeader header)
    {
        gate.Require();
        return header.PurposeCase switch
        {
            UploadHeader.PurposeOneofCase.Update => AdmitUpdate(header, header.Update),
            UploadHeader.PurposeOneofCase.Seed => AdmitSeed(header),
            _ => Verdicts.Reject("The upload does not say whether it is an update or a seed model."),
        };
    }

    /// <summary>Checks the file, proposes the fact, and answers what became of it.</summary>
    /// <param name="header">The upload's header, admitted before.</param>
    /// <param name="path">The blob's file, its hash verified, its bytes on a majority.</param>
    /// <param name="member">Its place among the updates that are committed together.</param>
    /// <param name="token">Gives up waiting, not the fact: asked again, the answer is DUPLICATE where it was
    /// committed.</param>
    public Task<VerdictReply> CommitAsync(
        UploadHeader header, string path, GroupCommit.Member member, CancellationToken token) =>
        gate.LeadAsync(async () =>
    {
        // While the bytes travelled, the round may have moved on.
        if (Admit(header) is { } settled) return settled;
        var model = ModelOf(header);
        if (model is not null && !await blobs.HasAsync(model.Blob, token)) throw Damaged(model.Blob);
        string? refusal;
        try
        {
            refusal = CheckFile(path, model, token);
        }
        catch (IOException) when (Admit(header) is { } over)
        {
            return over; // Its round ended meanwhile, and its file is another update's.
        }
        if (refusal is not null)
        {
            // A disk forgets without saying so. Before a trainer is blamed, what was read is hashed anew.
            foreach (var read in (BlobHash?[])[BlobHash.FromBytes(header.Blob.Span), model?.Blob])
                if (read is { } blob && !await blobs.RehashAsync(blob, token)) throw Damaged(blob);
            LogRefused(refusal);
            return Verdicts.Reject(refusal);
        }
        await member.ArriveAsync(token);
        var outcome = await log.ProposeAsync(CommandOf(header), token);
        if (outcome.Verdict == Rounds.Verdict.Accepted && header.Update is { } update)
            LogAccepted(update.Trainer, update.Round, header.Length, update.Examples);
        return outcome.ToReply();
    });

    private VerdictReply? AdmitUpdate(UploadHeader header, UpdateFacts update)
    {
        if (!RunId.TryParse(update.Run, out var run)) return Verdicts.Reject("The update names no valid run.");
        if (!TrainerId.TryParse(update.Trainer, out var trainer))
            return Verdicts.Reject("The update names no valid trainer id.");
        if (!Metrics.TryCreate(update.Metrics, out _, out string? flaw)) return Verdicts.Reject(flaw);

        var state = log.State;
        var outcome = RoundMachine.Judge(state, CommandOf(header));
        // Accepted before, but only the old leader had the bytes: they are taken again.
        if (outcome.Verdict == Rounds.Verdict.Duplicate && state.Find(run) is { } open
            && open.Round == update.Round && lost.Contains(open, trainer))
            return null;
        if (outcome.Verdict != Rounds.Verdict.Accepted) return outcome.ToReply();

        var known = state.Find(run)!;
        if (known.Trainers[trainer].Incarnation != update.Incarnation)
            return Verdicts.Reject(
                $"Trainer id {trainer} is in use by another process: stop one of the two, or choose another id.");
        long most = known.Model!.Length + (known.Model.Length / 4) + OverheadBytesMax;
        return header.Length > most
            ? Verdicts.Reject(
                $"The update has {header.Length} bytes; the model it trains from has {known.Model.Length}.")
            : null;
    }

    private VerdictReply? AdmitSeed(UploadHeader header)
    {
        if (!RunId.TryParse(header.Seed.Run, out _)) return Verdicts.Reject("The seed model names no valid run.");
        var outcome = RoundMachine.Judge(log.State, CommandOf(header));
        return outcome.Verdict == Rounds.Verdict.Accepted ? null : outcome.ToReply();
    }

    private Command CommandOf(UploadHeader header)
    {
        var blob = BlobHash.FromBytes(header.Blob.Span);
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        return header.Update is not { } u
            ? new Command.PublishModel(RunId.Parse(header.Seed.Run), 0, new BlobRef(blob, header.Length), now)
            : new Command.AcceptUpdate(
                RunId.Parse(u.Run), u.Round, TrainerId.Parse(u.Trainer), blob, header.Length, u.Examples,
                Metrics.TryCreate(u.Metrics, out var metrics, out _) ? metrics : Metrics.None, now);
    }

    /// <summary>What an admitted update was trained from; null: it is a seed model itself.</summary>
    private PublishedModel? ModelOf(UploadHeader header) =>
        header.Update is { } update ? log.State.Find(RunId.Parse(update.Run))!.Model! : null;

    private static RpcException Damaged(BlobHash blob) => new(new Status(StatusCode.Unavailable,
        $"Blob {blob.Short} is damaged on this node and comes back from another one: send the update again."));

    /// <summary>Why the file must not be averaged, as a sentence; null when it may.</summary>
    private string? CheckFile(string path, PublishedModel? from, CancellationToken token)
    {
        try
        {
            using var file = PtFile.Open(path);
            if (from is null)
            {
                // Once it is published, no leader could get past what its averages cannot be.
                if (PtSchema.CheckFirstModel(file).IsRefused(out string? flaw)) return flaw;
            }
            else
            {
                using var model = PtFile.Open(blobs.PathOf(from.Blob));
                if (PtSchema.CheckMatch(model.Schema, file).IsRefused(out string? mismatch)) return mismatch;
                if (PtSchema.CheckBooleans(model, file).IsRefused(out string? changed)) return changed;
            }
            return file.CheckFinite(token).IsRefused(out string? reason) ? reason : null;
        }
        catch (PtFormatException e)
        {
            return e.Message;
        }
    }

    [LoggerMessage(EventIds.UpdateAccepted, LogLevel.Information,
        "Accepted: trainer {Trainer}, round {Round}, {Bytes} bytes, {Examples} examples.")]
    private partial void LogAccepted(string trainer, int round, long bytes, long examples);

    [LoggerMessage(EventIds.UpdateRejected, LogLevel.Warning, "Rejected: {Reason}")]
    private partial void LogRefused(string reason);
}
