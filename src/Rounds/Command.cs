namespace Quorate.Rounds;

/// <summary>
/// A fact on its way into the log. Closed hierarchy: the state machine matches every case.
/// <see cref="At"/> is the proposer's wall clock, Unix milliseconds. It is data for display; no decision reads it.
/// </summary>
public abstract record Command(RunId Run, long At)
{
    /// <summary>Opens a run. It needs a model of round 0 before anything else happens.</summary>
    public sealed record OpenRun(RunId Run, RunRules Rules, string Plan, long At) : Command(Run, At);

    /// <summary>
    /// Adds a trainer to the client set. A member under another incarnation is replaced only where
    /// <see cref="Replaces"/> names that incarnation: whether the old one still lives is the proposer's to know.
    /// </summary>
    public sealed record Join(RunId Run, TrainerId Trainer, ulong Incarnation, ulong Replaces, long Examples, long At)
        : Command(Run, At);

    /// <summary>Takes a trainer out of the client set: it left, or was silent past its lease.</summary>
    public sealed record Leave(RunId Run, TrainerId Trainer, ulong Incarnation, long At) : Command(Run, At);

    /// <summary>Counts an update. Its bytes are durable on a majority before this is proposed.</summary>
    public sealed record AcceptUpdate(
        RunId Run, int Round, TrainerId Trainer, BlobHash Blob, long Length, long Examples, double Loss, long At)
        : Command(Run, At);

    /// <summary>Closes a round without its stragglers: its deadline or its grace is over.</summary>
    public sealed record CloseRound(RunId Run, int Round, long At) : Command(Run, At);

    /// <summary>
    /// Names the model that a round made. Round 0 is the initial model. <see cref="Unscored"/> says why nobody will
    /// score it; empty: its score, or why it has none, is a fact to come.
    /// </summary>
    public sealed record PublishModel(RunId Run, int Round, BlobHash Model, long Length, string Unscored, long At)
        : Command(Run, At);

    /// <summary>Scores a published model; a null score says that it could not be scored, and why.</summary>
    public sealed record RecordScore(RunId Run, int Round, Score? Score, string Reason, long At) : Command(Run, At);

    /// <summary>Ends a run before its last round.</summary>
    public sealed record EndRun(RunId Run, bool Failed, string Reason, long At) : Command(Run, At);
}

/// <summary>How good a model is on held-out images.</summary>
/// <param name="Loss">Mean cross-entropy, natural logarithm.</param>
/// <param name="Accuracy">Share of images classified right, 0 to 1.</param>
/// <param name="Images">Images scored.</param>
public sealed record Score(double Loss, double Accuracy, int Images);
