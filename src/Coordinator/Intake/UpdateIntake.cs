using System.Collections.Concurrent;
using Grpc.Core;
using Quorate.Aggregation;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Pt;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using Quorate.Shared.Text;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// Takes an upload from its header to its verdict. The order is the promise:
/// <list type="number">
/// <item>An upload that the state already refuses is refused before its bytes are sent.</item>
/// <item>The bytes arrive, are hashed, and are on the disks of a majority (Blobs).</item>
/// <item>The file is checked, the fact is proposed, and a majority commits it. Only then the answer is
/// ACCEPTED.</item>
/// </list>
/// If this node crashes before it answers, the trainer sends the upload again under the same key. The answer is then
/// DUPLICATE if the fact was committed; if not, the upload continues from the bytes that are stored.
/// </summary>
internal sealed partial class UpdateIntake(
    IReplicatedLog log, BlobStore blobs, BlobReceiver receiver, Replication replication, LostUpdates lost,
    CallLimits limits, TimeProvider time, ILogger<UpdateIntake> logger)
{
    /// <summary>
    /// A file may differ from the model's in its names' padding and directory, never by more than this many bytes.
    /// </summary>
    private const long OverheadBytesMax = 1 << 20;

    private readonly GroupCommit _group = new(time);

    /// <summary>The rules of each active run's round, kept so that its model is read only once.</summary>
    private readonly ConcurrentDictionary<RunId, RoundRules> _rules = new();

    /// <summary>How an upload would be answered, and how many of its bytes need not be sent.</summary>
    /// <exception cref="NotLeaderException">This node does not lead.</exception>
    /// <exception cref="BusyException">It could not be sent now.</exception>
    public async Task<UploadAnswer> OfferAsync(UploadOffer offer, CancellationToken token)
    {
        if (TryJudge(offer, out var outcome)) return new UploadAnswer.Judged(outcome);
        limits.Upload().Dispose();
        long have = await receiver.HaveAsync(offer.Incoming, token);
        return new UploadAnswer.NotStored(new Receipt(ReceiptKind.Incomplete, have, ""));
    }

    /// <summary>Receives an upload, checks its file, proposes its fact, and answers what became of it.</summary>
    /// <param name="offer">What the upload is.</param>
    /// <param name="first">Its first part, which the caller disposes.</param>
    /// <param name="parts">The others.</param>
    /// <param name="guard">Judges the sender alone.</param>
    /// <param name="token">Stops the wait; a fact that was proposed may still be committed.</param>
    /// <exception cref="NotLeaderException">This node does not lead.</exception>
    /// <exception cref="OutcomeUnknownException">The fact may be committed or not.</exception>
    /// <exception cref="BlobUnavailableException">The model or the update is damaged here.</exception>
    /// <exception cref="StoreFullException">There is no room.</exception>
    /// <exception cref="BusyException">Too many facts are being committed.</exception>
    public async Task<UploadAnswer> UploadAsync(
        UploadOffer offer, Part first, IAsyncStreamReader<Part> parts, StallGuard guard, CancellationToken token)
    {
        if (TryJudge(offer, out var outcome)) return new UploadAnswer.Judged(outcome);
        using var member = _group.Join();
        int copies = offer is UpdateOffer ? replication.UpdateCopies : replication.Majority;
        var receipt = await receiver.ReceiveAsync(offer.Incoming, copies, first, parts, guard, () => IsOpen(offer));
        // An upload that did not end in time is answered STALE, not cut.
        if (receipt.Kind == ReceiptKind.Cut && !IsOpen(offer) && TryJudge(offer, out outcome))
            return new UploadAnswer.Judged(outcome);
        if (receipt.Kind != ReceiptKind.Stored) return new UploadAnswer.NotStored(receipt);
        CrashPoint.Pass("blob-replicated");
        guard.Pause();
        using var permit = limits.Commit();
        return new UploadAnswer.Judged(await CommitAsync(offer, member, token));
    }

    /// <summary>Checks the stored file, proposes the fact, and returns its outcome.</summary>
    internal async Task<Outcome> CommitAsync(UploadOffer offer, GroupCommit.Member member, CancellationToken token)
    {
        // The round may have moved on while the bytes were sent.
        if (TryJudge(offer, out var outcome)) return outcome;
        var model = ModelOf(offer);
        if (model is not null && !await blobs.HasAsync(model.Blob, token)) throw Damaged(model.Blob);
        CheckResult check;
        try
        {
            check = Check(offer, model, token);
        }
        catch (IOException)
        {
            // If its round has just ended, its file may already have been reused for another update.
            if (TryJudge(offer, out outcome)) return outcome;
            throw;
        }
        if (check.IsRefused(out string? refusal))
        {
            // Disks lose bits silently. Before the trainer is blamed, the files are hashed again.
            foreach (var read in (BlobHash?[])[offer.Blob, model?.Blob])
                if (read is { } blob && !await blobs.RehashAsync(blob, token)) throw Damaged(blob);
            LogRefused(refusal);
            return Outcome.Rejected(refusal);
        }
        await member.ArriveAsync(token);
        outcome = await log.ProposeAsync(offer.ToCommand(Now()), token);
        if (outcome.Verdict == Verdict.Accepted && offer is UpdateOffer update)
            LogAccepted(update.Trainer, update.Round, update.Length, update.Examples);
        return outcome;
    }

    /// <summary>Whether the outcome is known without the upload's bytes.</summary>
    /// <exception cref="NotLeaderException">This node does not lead.</exception>
    internal bool TryJudge(UploadOffer offer, out Outcome outcome)
    {
        if (!log.Leadership.IsLeader) throw new NotLeaderException(log.Leadership.LeaderNode);
        var state = log.State;
        outcome = RoundMachine.Judge(state, offer.ToCommand(Now()));
        if (offer is SeedOffer seed)
        {
            if (outcome.Verdict == Verdict.Accepted) outcome = seed.Judge(state.Find(seed.Run)!);
            return outcome.Verdict != Verdict.Accepted;
        }
        var update = (UpdateOffer)offer;

        // Accepted before, but only the old leader had the bytes: they are received again.
        if (outcome.Verdict == Verdict.Duplicate && state.Find(update.Run) is { } open && open.Round == update.Round
            && lost.Contains(open, update.Trainer))
            return false;
        if (outcome.Verdict != Verdict.Accepted) return true;
        var run = state.Find(update.Run)!;
        if (run.Trainers[update.Trainer].Incarnation != update.Incarnation)
        {
            outcome = Outcome.Rejected($"Trainer id {update.Trainer} is in use by another process: stop one of the "
                + "two, or choose another id.");
            return true;
        }
        long most = run.Model!.Length + (run.Model.Length / 4) + OverheadBytesMax;
        if (update.Length <= most) return false;
        outcome = Outcome.Rejected(
            $"The update has {PlainText.Count(update.Length, "byte")}; "
            + $"the model it trains from has {run.Model.Length}.");
        return true;
    }

    /// <summary>Whether the fact may still be accepted: the round has no model yet.</summary>
    private bool IsOpen(UploadOffer offer) => offer is not UpdateOffer update
        || log.State.Find(update.Run) is not { } run || run.Trail.Count <= update.Round;

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>The model that an admitted update was trained from; null: it is a seed model itself.</summary>
    private PublishedModel? ModelOf(UploadOffer offer) =>
        offer is UpdateOffer ? log.State.Find(offer.Run)!.Model! : null;

    private static BlobUnavailableException Damaged(BlobHash blob) => new(
        $"Blob {blob.Short} is damaged on this node and is pulled from another one: send the update again.");

    /// <summary>Whether the file can be aggregated, or can be the first model.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    private CheckResult Check(UploadOffer offer, PublishedModel? from, CancellationToken token)
    {
        string path = blobs.PathOf(offer.Blob);
        var run = log.State.Find(offer.Run)!;
        return from is null
            ? AdmissionRules.CheckFirstModel(path, run.ReadAggregation(), token)
            : RulesOf(run, from).CheckUpdate(path, token);
    }

    private AdmissionRules RulesOf(Run run, PublishedModel model)
    {
        if (_rules.TryGetValue(run.Id, out var known) && known.Model == model.Blob) return known.Rules;
        var rules = new AdmissionRules(blobs.PathOf(model.Blob), run.ReadAggregation().Keys);
        _rules[run.Id] = new RoundRules(model.Blob, rules);
        foreach (var (other, _) in _rules)
            if (log.State.Find(other) is not { IsActive: true }) _rules.TryRemove(other, out _);
        return rules;
    }

    private sealed record RoundRules(BlobHash Model, AdmissionRules Rules);

    [LoggerMessage(EventIds.UpdateAccepted, LogLevel.Information,
        "Accepted: trainer {Trainer}, round {Round}, bytes {Bytes}, examples {Examples}.")]
    private partial void LogAccepted(TrainerId trainer, int round, long bytes, long examples);

    [LoggerMessage(EventIds.UpdateRejected, LogLevel.Warning, "Rejected: {Reason}")]
    private partial void LogRefused(string reason);
}

/// <summary>What a client offers to upload, as its header says: well-formed, and not judged yet.</summary>
internal abstract record UploadOffer(RunId Run, BlobHash Blob, long Length)
{
    public abstract IncomingBlob Incoming { get; }

    /// <summary>The fact that the upload becomes.</summary>
    /// <param name="now">Unix milliseconds.</param>
    public abstract Command ToCommand(long now);
}

/// <summary>One trainer's update of one round.</summary>
internal sealed record UpdateOffer(
    RunId Run, BlobHash Blob, long Length, int Round, TrainerId Trainer, ulong Incarnation, long Examples,
    Metrics Metrics)
    : UploadOffer(Run, Blob, Length)
{
    public override IncomingBlob Incoming => new(Blob, Length, new UpdateRound(Run, Round));

    public override Command ToCommand(long now) =>
        new Command.AcceptUpdate(Run, Round, Trainer, Blob, Length, Examples, Metrics, now);
}

/// <summary>A model made elsewhere, from which a run starts.</summary>
internal sealed record SeedOffer(RunId Run, BlobHash Blob, long Length) : UploadOffer(Run, Blob, Length)
{
    public override IncomingBlob Incoming => new(Blob, Length, Round: null);

    /// <summary>The trainer that made it; null: an operator uploads it.</summary>
    public TrainerId? Maker { get; init; }

    /// <summary>The maker's incarnation.</summary>
    public ulong Incarnation { get; init; }

    public override Command ToCommand(long now) =>
        new Command.PublishModel(Run, 0, new BlobRef(Blob, Length), now);

    /// <summary>
    /// Whether its sender may make the run's initial model. A member that is not asked any more may: the first model
    /// wins.
    /// </summary>
    public Outcome Judge(Run run)
    {
        if (Maker is not { } maker) return Outcome.Accepted;
        if (run.Rules.Initial != InitialModel.Trainer)
            return Outcome.Rejected($"Run '{run.Id}' does not ask its trainers for the initial model.");
        return run.Trainers.GetValueOrDefault(maker) is { Present: true } member && member.Incarnation == Incarnation
            ? Outcome.Accepted
            : Outcome.Rejected($"Trainer {maker} is not in the client set under that incarnation: join first.");
    }
}

/// <summary>What became of an upload.</summary>
internal abstract record UploadAnswer
{
    /// <summary>The state machine has judged it, or its file was refused.</summary>
    public sealed record Judged(Outcome Outcome) : UploadAnswer;

    /// <summary>It is not judged, because its bytes are not stored.</summary>
    public sealed record NotStored(Receipt Receipt) : UploadAnswer;
}
