namespace Quorate.Rounds;

/// <summary>The one thing a run needs next from the leader. Closed hierarchy.</summary>
public abstract record NextStep
{
    /// <summary>
    /// Nothing until the state moves or <paramref name="Within"/> is over; null: until the state moves.
    /// </summary>
    public sealed record Wait(TimeSpan? Within) : NextStep;

    /// <summary>Make the initial model, if there is a trainer program here.</summary>
    public sealed record MakeInitialModel : NextStep;

    /// <summary>Close the round without its stragglers.</summary>
    public sealed record Close(int Round) : NextStep;

    /// <summary>Average the updates of the closed round and publish the model.</summary>
    public sealed record Aggregate(int Round) : NextStep;

    /// <summary>
    /// Looks at the run and says the one next step. Asking again after any crash gives the same answer, because
    /// everything it looks at is in the replicated state; the two durations are how long this leader has seen the
    /// round open, and seen it with enough updates. A new leader starts them at zero, so a deadline may come later
    /// than planned and never earlier.
    /// </summary>
    public static NextStep Of(Run run, TimeSpan sinceOpened, TimeSpan sinceEnough)
    {
        ArgumentNullException.ThrowIfNull(run);
        return run.Stage switch
        {
            Stage.Preparing when run.Rules.Initial == InitialModel.Coordinator => new MakeInitialModel(),
            Stage.Closed => new Aggregate(run.Round),
            Stage.Open open when !run.Paused && open.Updates.Count >= run.Rules.MinResults =>
                CloseOrWait(run, sinceOpened, sinceEnough),
            _ => new Wait(null),
        };
    }

    private static NextStep CloseOrWait(Run run, TimeSpan sinceOpened, TimeSpan sinceEnough)
    {
        var left = run.Rules.Deadline - sinceOpened;
        if (run.Rules.Grace > TimeSpan.Zero && run.Rules.Grace - sinceEnough < left)
            left = run.Rules.Grace - sinceEnough;
        return left <= TimeSpan.Zero ? new Close(run.Round) : new Wait(left);
    }

    /// <summary>The oldest round whose model awaits its score, or null. Scoring runs beside the rounds.</summary>
    public static PublishedModel? ToScore(Run run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return run.Stage is Stage.Aborted ? null : run.Trail.FirstUnjudged;
    }
}
