namespace Quorate.Rounds;

/// <summary>What is true of every state that arises by applying commands to the empty one.</summary>
public static class Invariants
{
    /// <summary>The first invariant that <paramref name="state"/> breaks, as a sentence; null when all hold.</summary>
    public static string? FirstBroken(ClusterState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Index < 0) return "the index is negative.";
        if (state.Level is < FeatureLevel.First or > FeatureLevel.Supported) return "the feature level is unknown.";
        if (state.Answered.Count > Limits.AnsweredRequests) return "there are too many answered requests.";
        if (state.Answered.Select(request => request.Key).Distinct().Count() != state.Answered.Count)
            return "two answered requests share a key.";
        if (state.Answered.Any(request => !request.Key.IsSet)) return "an answered request has no key.";
        if (state.Answered.Any(request =>
            (request.Outcome.Verdict == Verdict.Accepted) != (request.Outcome.Reason.Length == 0)))
            return "an answered request is accepted with a reason, or refused without one.";
        if (state.Runs.Count > Limits.Runs) return "there are too many runs.";
        if (state.Runs.Select(run => run.Id).Distinct().Count() != state.Runs.Count) return "two runs share a name.";
        if (state.MaxActiveRuns is < 1 or > Limits.ActiveRuns) return "the limit of active runs is out of range.";
        int active = state.ActiveRuns.Count();
        if (active > Limits.ActiveRuns) return "there are too many active runs.";
        var queue = state.Runs.SkipWhile(run => run.Stage is not Stage.Queued);
        if (queue.Any() && active < state.MaxActiveRuns) return "a run is queued although a place is free.";
        if (queue.Any(run => run.IsActive)) return "a run was started before one that had been queued earlier.";
        return state.Runs.Select(FirstBroken).FirstOrDefault(broken => broken is not null);
    }

    private static string? FirstBroken(Run run)
    {
        if (run.Rules.Errors() is [var error, ..]) return error;
        int round = 0;
        foreach (var model in run.Trail)
            if (FirstBroken(model, round++, run) is { } broken) return broken;
        if (run.Trail.Count > run.Rules.Rounds + 1) return "there are more models than rounds.";
        if (run.Present != run.Trainers.Values.Count(t => t.Present)) return "the count of present trainers is wrong.";
        if (run.Awaited != run.Trainers.Values.Count(run.Awaits)) return "the count of awaited trainers is wrong.";
        if (run.Trainers.Values.Any(t => t.Examples < 1 || t.Examples > run.Rules.ExamplesMax))
            return "a trainer's examples are out of range.";
        if (run.Trainers.Values.Any(t => t.Missed < 0 || t.Missed > run.Rules.MaxMissedRounds))
            return "a trainer's missed rounds are out of range.";
        if (run.Updates.Values.FirstOrDefault(IsOutOfRange) is not null) return "an update is out of range.";
        if (run.Updates.Keys.FirstOrDefault(id => !run.Trainers.ContainsKey(id)) is var id && id != default)
            return "an update's trainer is unknown.";
        bool complete = run.Trail.Count == run.Rules.Rounds + 1;
        return run.Stage switch
        {
            Stage.Preparing when run.Trail.Count > 0 => "a preparing run has a model.",
            Stage.Waiting or Stage.InRound when run.Trail.Count == 0 => "an open round has no model.",
            Stage.Waiting or Stage.InRound when complete => "a run continues past its last round.",
            Stage.Scoring or Stage.Finished when !complete => "a run ended before its last round.",
            Stage.Finished when !run.Trail[^1].Judged => "a finished run has no final score.",
            Stage.Queued when run.Trail.Count > 1 || run.Trainers.Count > 0 => "a queued run has begun.",
            Stage.Queued or Stage.Ended when run.Paused => "a run that is not active is paused.",
            Stage.Waiting when !run.Paused && run.Present >= run.Rules.MinTrainers =>
                "a run waits for trainers that are present.",
            Stage.Closed closed when closed.Updates.Count < run.Rules.MinResults =>
                "a round closed with too few updates.",
            _ => null,
        };
    }

    private static string? FirstBroken(PublishedModel model, int round, Run run)
    {
        if (model.Round != round) return "the trail skips a round.";
        if (model.Length is < 1 or > Limits.BlobBytes) return "a model's length is out of range.";
        if (model.Score.Count > 0 && model.Unscored.Length > 0) return "a model is both scored and not.";
        if (round == 0) return model.Contributors == 0 ? null : "the initial model has contributors.";
        if (model.Contributors < 1) return "a model is made of no updates.";
        if (model.Counted.Length > 0 && (model.Counted.Length != model.Contributors
                || model.Counted.Length >= model.Updates.Length
                || model.Counted.Any(id => model.Updates.All(update => update.Trainer != id))))
            return "a model counts updates that it does not list.";
        if (model.Updates.Length > 0 && model.Counted.Length == 0 && model.Updates.Length != model.Contributors)
            return "a model lists some of its updates.";
        if (model.Updates.Any(IsOutOfRange)) return "an update of the trail is out of range.";
        for (int i = 1; i < model.Updates.Length; i++)
            if (model.Updates[i - 1].Trainer >= model.Updates[i].Trainer) return "updates are out of order.";
        return null;
    }

    private static bool IsOutOfRange(Update update) =>
        update.Examples is < 1 or > Limits.Examples || update.Length is < 1 or > Limits.BlobBytes;
}
