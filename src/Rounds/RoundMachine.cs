using System.Collections.Immutable;
using static Quorate.Rounds.Command;

namespace Quorate.Rounds;

/// <summary>
/// The replicated state machine: (state, command) -> (state, outcome). It is a function of its arguments alone:
/// no clock, no random number, no I/O. Every replica applies the same commands in the same order and so holds the
/// same state.
/// <para>
/// Whatever needs no clock happens here and not in the driver: a round opens in the same step in which the last
/// missing trainer joins or the previous model is published, and closes in the same step in which the last awaited
/// update is accepted; a queued run starts in the same step in which a place becomes free. The driver proposes only
/// what takes work (a model, a score) or time (a deadline).
/// </para>
/// <para>
/// Every command is idempotent: proposing it again answers <see cref="Verdict.Duplicate"/> and changes nothing, so a
/// proposer whose outcome was lost simply proposes it again. A refused command changes nothing; if it has a key, the
/// refusal is remembered.
/// </para>
/// </summary>
public static class RoundMachine
{
    /// <summary>Applies one log entry. Never throws for a command that <see cref="CommandCodec"/> decoded.</summary>
    /// <param name="state">The state after every earlier entry.</param>
    /// <param name="index">The entry's place in the log, above <see cref="ClusterState.Index"/>.</param>
    /// <param name="command">The decoded command.</param>
    /// <param name="bytes">The command as it stands in the log; it goes into the chain hash.</param>
    public static (ClusterState State, Outcome Outcome) Apply(
        ClusterState state, long index, Command command, ReadOnlySpan<byte> bytes)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(index, state.Index);
        var (next, outcome) = Decide(state, command);
        return (next with { Index = index, Chain = ClusterState.NextChain(state.Chain, index, bytes) }, outcome);
    }

    /// <summary>The outcome that the command would have as the next log entry. Admission asks this first.</summary>
    public static Outcome Judge(ClusterState state, Command command)
    {
        ArgumentNullException.ThrowIfNull(state);
        return Decide(state, command).Outcome;
    }

    /// <summary>A request under a key that was answered before is answered the same, and changes nothing.</summary>
    private static (ClusterState State, Outcome Outcome) Decide(ClusterState state, Command command)
    {
        if (!command.Key.IsSet) return DecideNew(state, command);
        var meaning = CommandCodec.MeaningOf(command, state.Level);
        if (state.Answered.Find(request => request.Key == command.Key) is { } before)
            return (state, before.Again(meaning));
        var (next, outcome) = DecideNew(state, command);
        var kept = outcome with { Reason = Limits.CutReason(outcome.Reason) };
        return (next.Remember(new AnsweredRequest(command.Key, meaning, kept)), outcome);
    }

    private static (ClusterState State, Outcome Outcome) DecideNew(ClusterState state, Command command) =>
        command switch
    {
        OpenRun open => RunQueue.Open(state, open),
        LimitActiveRuns limit => RunQueue.Limit(state, limit),
        RaiseLevel raise => raise.Level <= state.Level
            ? (state, Outcome.Duplicate($"The cluster is at feature level {state.Level} already."))
            : state.LevelHeldBy.Length == 0 ? (state with { Level = raise.Level }, Outcome.Accepted)
            : (state, Outcome.Rejected($"Feature level {state.Level} is held by {state.LevelHeldBy}; "
                + "`quorate upgrade release` lets it rise.")),
        HoldLevel hold => Apply(state, hold),
        NameCluster { Id: var id } => !state.Id.IsSet ? (state with { Id = id }, Outcome.Accepted)
            : state.Id == id ? (state, Outcome.Duplicate("The cluster has this id already."))
            : (state, Outcome.Rejected($"The cluster has the id {state.Id} already.")),
        OfRun of => Decide(state, of),
        _ => throw new System.Diagnostics.UnreachableException($"Unknown command {command.GetType()}."),
    };

    private static (ClusterState State, Outcome Outcome) Apply(ClusterState state, HoldLevel hold)
    {
        string by = !hold.Held ? "" : hold.Actor.Length > 0 ? hold.Actor : "an operator";
        return hold.Held != (state.LevelHeldBy.Length > 0)
            ? (state with { LevelHeldBy = by }, Outcome.Accepted)
            : (state, Outcome.Duplicate($"Feature level {state.Level} is "
                + (hold.Held ? $"held by {state.LevelHeldBy} already." : "not held.")));
    }

    private static (ClusterState State, Outcome Outcome) Decide(ClusterState state, OfRun command)
    {
        if (state.Find(command.Run) is not { } run)
            return (state, Outcome.Rejected($"There is no run '{command.Run}'."));
        if (run.Stage is Stage.Queued && command is not EndRun)
            return (state, Outcome.Rejected($"Run '{run.Id}' is queued and has not started yet."));
        var (changed, outcome) = command switch
        {
            Join join => Apply(run, join),
            Leave leave => Apply(run, leave),
            AcceptUpdate accept => Apply(run, accept),
            CloseRound close => Apply(run, close),
            PublishModel publish => Apply(run, publish),
            RecordScore score => Apply(run, score),
            EndRun end => Apply(run, end),
            PauseRun pause => Apply(run, pause),
            ResumeRun resume => Apply(run, resume),
            _ => throw new System.Diagnostics.UnreachableException($"Unknown command {command.GetType()}."),
        };
        if (ReferenceEquals(changed, run)) return (state, outcome);
        var next = state with { Runs = state.Runs.Replace(run, changed) };
        return (changed.Ended ? RunQueue.StartQueued(next) : next, outcome);
    }

    private static (Run, Outcome) Apply(Run run, Join join)
    {
        if (run.Ended) return (run, Outcome.Rejected($"Run '{run.Id}' has ended."));
        if (join.Examples < 1 || join.Examples > run.Rules.ExamplesMax) return (run, BadExamples(run, join.Examples));
        // Replaces is 0 where nobody is to be replaced, so a member under 0 could be replaced by anyone.
        if (join.Incarnation == 0)
            return (run, Outcome.Rejected($"Trainer {join.Trainer}'s incarnation is 0: choose a random one."));

        var known = run.Trainers.GetValueOrDefault(join.Trainer);
        if (known is { Present: true } && known.Incarnation == join.Incarnation && known.Examples == join.Examples)
            return (run, Outcome.Duplicate($"Trainer {join.Trainer} has joined already."));
        if (known is { Present: true } && known.Incarnation != join.Incarnation && known.Incarnation != join.Replaces)
            return (run, Outcome.Rejected($"Trainer id {join.Trainer} is in use by a live trainer."));

        var trainers = known is null && run.Trainers.Count >= Limits.Trainers ? ForgetOneDeparted(run) : run.Trainers;
        if (trainers.Count >= Limits.Trainers && known is null)
            return (run, Outcome.Rejected($"The run has its limit of {Limits.Trainers} trainers."));

        var trainer = new Trainer(join.Trainer, join.Incarnation, join.Examples, Present: true, join.At)
        {
            Missed = known?.Incarnation == join.Incarnation ? known.Missed : 0,
        };
        return (OpenRoundIfReady((run with { Trainers = trainers }).With(trainer), join.At), Outcome.Accepted);
    }

    private static (Run, Outcome) Apply(Run run, Leave leave)
    {
        if (run.Trainers.GetValueOrDefault(leave.Trainer) is not { Present: true } trainer
            || trainer.Incarnation != leave.Incarnation)
            return (run, Outcome.Duplicate($"Trainer {leave.Trainer} is not present under that incarnation."));

        var left = run.With(trainer with { Present = false, Since = leave.At });
        return (CloseRoundIfComplete(left), Outcome.Accepted);
    }

    private static (Run, Outcome) Apply(Run run, AcceptUpdate accept)
    {
        if (FindUpdate(run, accept.Round, accept.Trainer) is { } held)
            return (run, held.Blob == accept.Blob
                ? Outcome.Duplicate($"Trainer {accept.Trainer}'s update of round {accept.Round} is counted already.")
                : Outcome.Rejected(
                    $"Trainer {accept.Trainer} has another update in round {accept.Round}: {held.Blob.Short}…."));
        if (run.Ended) return (run, Outcome.Stale($"Run '{run.Id}' has ended."));
        if (IsClosed(run, accept.Round))
            return (run, Outcome.Stale($"Round {accept.Round} is closed; the run is in round {run.Round}."));
        if (accept.Round > run.Round || run.Stage is not Stage.Open open)
            return (run, Outcome.Rejected($"Round {accept.Round} is not open."));
        if (run.Trainers.GetValueOrDefault(accept.Trainer) is not { Present: true } trainer)
            return (run, Outcome.Rejected($"Trainer {accept.Trainer} is not in the client set: join first."));
        if (accept.Examples < 1 || accept.Examples > run.Rules.ExamplesMax)
            return (run, BadExamples(run, accept.Examples));
        if (accept.Length is < 1 or > Limits.BlobBytes)
            return (run, Outcome.Rejected($"An update has 1 to {Limits.BlobBytes} bytes, not {accept.Length}."));

        var update = new Update(
            accept.Trainer, accept.Blob, accept.Length, accept.Examples, accept.Metrics, accept.At);
        var collected = open with { Updates = open.Updates.SetItem(accept.Trainer, update) };
        var again = trainer.Missed == 0 ? run : run.With(trainer with { Missed = 0 });
        return (CloseRoundIfComplete(again with { Stage = collected }), Outcome.Accepted);
    }

    private static (Run, Outcome) Apply(Run run, CloseRound close)
    {
        if (run.Ended || IsClosed(run, close.Round))
            return (run, Outcome.Duplicate($"Round {close.Round} is closed already."));
        if (close.Round > run.Round || run.Stage is not Stage.Open open)
            return (run, Outcome.Rejected($"Round {close.Round} is not open."));
        return open.Updates.Count >= run.Rules.MinResults
            ? (CountMissed(run) with { Stage = open.Close() }, Outcome.Accepted)
            : (run, Outcome.Rejected(
                $"Round {close.Round} has too few updates: {open.Updates.Count} of {run.Rules.MinResults}."));
    }

    private static (Run, Outcome) Apply(Run run, PublishModel publish)
    {
        if (publish.Round >= 0 && publish.Round < run.Trail.Count)
            return (run, AgainPublished(run.Trail[publish.Round], publish));
        bool due = publish.Round == run.Round && run.Stage is Stage.Preparing or Stage.Closed;
        if (!due) return (run, Outcome.Rejected($"Round {publish.Round} awaits no model."));
        if (!publish.Model.IsInRange)
            return (run, Outcome.Rejected($"A model has 1 to {Limits.BlobBytes} bytes, not {publish.Model.Length}."));
        foreach (var trainer in publish.Contributors)
            if (!run.Updates.ContainsKey(trainer))
                return (run, Outcome.Rejected($"Trainer {trainer} has no update in round {publish.Round}."));

        var model = ModelOf(run, publish);
        var trail = run.Trail.Add(model).ForgetOldUpdates(run.Rules.KeepUpdateRounds);
        if (publish.Round < run.Rules.Rounds)
        {
            var waiting = run with { Trail = trail, Stage = new Stage.Waiting() };
            return (OpenRoundIfReady(waiting, publish.At), Outcome.Accepted);
        }
        var complete = run with { Trail = trail, Stage = new Stage.Scoring() };
        return (model.Judged ? End(complete, new Stage.Finished()) : complete, Outcome.Accepted);
    }

    private static Outcome AgainPublished(PublishedModel known, PublishModel again)
    {
        if (known.Blob != again.Model.Hash)
            return Outcome.Rejected($"Round {known.Round} has another model: {known.Blob.Short}….");
        return known.Memory == again.Memory
            ? Outcome.Duplicate($"Round {known.Round}'s model is published already.")
            : Outcome.Rejected($"Round {known.Round} has another server memory.");
    }

    private static PublishedModel ModelOf(Run run, PublishModel publish)
    {
        bool all = publish.Contributors.Length is 0 || publish.Contributors.Length == run.Updates.Count;
        var counted = all ? run.Updates.Values : publish.Contributors.Select(trainer => run.Updates[trainer]);
        return new PublishedModel(
            publish.Round, publish.Model.Hash, publish.Model.Length,
            all ? run.Updates.Count : publish.Contributors.Length, counted.Sum(update => update.Examples),
            [.. run.Updates.Values], run.RoundOpenedAt, publish.At)
        {
            Counted = all ? [] : publish.Contributors, Memory = publish.Memory, Metrics = publish.Metrics,
            Unscored = SharedText(run, publish.Round, publish.Unscored),
        };
    }

    private static (Run, Outcome) Apply(Run run, RecordScore record)
    {
        if (record.Round < 0 || record.Round >= run.Trail.Count)
            return (run, Outcome.Rejected($"Round {record.Round} has no model to score."));
        var model = run.Trail[record.Round];
        if (model.Judged) return (run, Outcome.Duplicate($"Round {record.Round} is scored already."));

        string reason = SharedText(run, record.Round, record.Reason.Length == 0 ? "not scored" : record.Reason);
        var judged = model with { Score = record.Metrics, Unscored = record.Metrics.Count == 0 ? reason : "" };
        var scored = run with { Trail = run.Trail.SetItem(record.Round, judged) };
        bool last = run.Stage is Stage.Scoring && record.Round == run.Rules.Rounds;
        return (last ? End(scored, new Stage.Finished()) : scored, Outcome.Accepted);
    }

    private static (Run, Outcome) Apply(Run run, EndRun end) => run.Ended
        ? (run, Outcome.Duplicate($"Run '{run.Id}' has ended already."))
        : (End(run, new Stage.Aborted(end.Failed, end.Reason, run.RoundOpenedAt, run.Updates)), Outcome.Accepted);

    private static (Run, Outcome) Apply(Run run, PauseRun _)
    {
        if (run.Ended) return (run, Outcome.Rejected($"Run '{run.Id}' has ended."));
        return run.Paused
            ? (run, Outcome.Duplicate($"Run '{run.Id}' is paused already."))
            : (run with { Paused = true }, Outcome.Accepted);
    }

    private static (Run, Outcome) Apply(Run run, ResumeRun resume)
    {
        if (run.Ended) return (run, Outcome.Rejected($"Run '{run.Id}' has ended."));
        return run.Paused
            ? (OpenRoundIfReady(run with { Paused = false }, resume.At), Outcome.Accepted)
            : (run, Outcome.Duplicate($"Run '{run.Id}' is not paused."));
    }

    /// <summary>A run that has ended is not paused.</summary>
    private static Run End(Run run, Stage.Ended stage) => run with { Stage = stage, Paused = false };

    /// <summary>Where nothing is scored, every round of a long trail says the same: one text for all of them.</summary>
    private static string SharedText(Run run, int round, string reason) =>
        round > 0 && run.Trail[round - 1].Unscored is var before && before == reason ? before : reason;

    /// <summary>Whether a round of an active run has closed: no further update counts in it.</summary>
    private static bool IsClosed(Run run, int round) =>
        round < run.Round || (round == run.Round && run.Stage is Stage.Closed or Stage.Scoring);

    /// <summary>Waiting -> Open as soon as enough trainers are present, unless the run is paused.</summary>
    private static Run OpenRoundIfReady(Run run, long at) =>
        run is { Stage: Stage.Waiting, Paused: false } && run.Present >= run.Rules.MinTrainers
            ? run with { Stage = new Stage.Open(at, ImmutableSortedDictionary<TrainerId, Update>.Empty) }
            : run;

    /// <summary>Open -> Closed as soon as every awaited trainer has an accepted update, and there are enough.</summary>
    private static Run CloseRoundIfComplete(Run run)
    {
        int least = Math.Max(run.Rules.MinResults, run.Awaited);
        if (run.Stage is not Stage.Open open || open.Updates.Count < least) return run;
        foreach (var (id, trainer) in run.Trainers)
            if (run.Awaits(trainer) && !open.Updates.ContainsKey(id)) return run;
        return run with { Stage = open.Close() };
    }

    /// <summary>Counts a missed round for every awaited trainer without an update.</summary>
    private static Run CountMissed(Run run)
    {
        if (run.Rules.MaxMissedRounds == 0) return run;
        foreach (var trainer in run.Trainers.Values)
            if (run.Awaits(trainer) && !run.Updates.ContainsKey(trainer.Id))
                run = run.With(trainer with { Missed = trainer.Missed + 1 });
        return run;
    }

    private static Outcome BadExamples(Run run, long examples) => Outcome.Rejected(run.Rules.MaxExamples > 0
        ? $"Examples must be 1 to {run.Rules.MaxExamples}, the run's maxExamples, not {examples}."
        : $"Examples must be 1 to {Limits.Examples}, not {examples}.");

    private static Update? FindUpdate(Run run, int round, TrainerId trainer)
    {
        if (round >= 0 && round < run.Trail.Count)
            return run.Trail[round].Updates.FirstOrDefault(u => u.Trainer == trainer);
        return round == run.Round ? run.Updates.GetValueOrDefault(trainer) : null;
    }

    private static ImmutableSortedDictionary<TrainerId, Trainer> ForgetOneDeparted(Run run)
    {
        foreach (var (id, trainer) in run.Trainers)
            if (!trainer.Present && !run.Updates.ContainsKey(id)) return run.Trainers.Remove(id);
        return run.Trainers;
    }
}
