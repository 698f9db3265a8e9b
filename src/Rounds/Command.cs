using System.Collections.Immutable;

namespace Quorate.Rounds;

/// <summary>A fact that a leader proposes. Closed hierarchy: the state machine matches every case.</summary>
/// <param name="At">
/// The proposer's wall clock, in Unix milliseconds. For display only; no decision depends on it.
/// </param>
public abstract record Command(long At)
{
    /// <summary>
    /// Who asked for it, at most <see cref="Limits.ActorChars"/> characters; empty: a coordinator itself.
    /// </summary>
    public string Actor { get; init; } = "";

    /// <summary>
    /// The key of the operator's request that asked for it; not set: there was none. A key is answered once and then
    /// remembered (<see cref="ClusterState.Answered"/>).
    /// </summary>
    public RequestKey Key { get; init; }

    /// <summary>A fact about one run.</summary>
    public abstract record OfRun(RunId Run, long At) : Command(At);

    /// <summary>
    /// Opens a run, or queues it while no place is free. It starts from its parent's model; without a parent, it needs
    /// a model of round 0 first.
    /// </summary>
    public sealed record OpenRun(RunId Run, RunRules Rules, string Plan, long At) : OfRun(Run, At)
    {
        public ParentModel? Parent { get; init; }
    }

    /// <summary>
    /// Adds a trainer to the client set. A member under another incarnation is replaced only if <see cref="Replaces"/>
    /// names that incarnation: only the proposer can know whether the old process is still alive.
    /// </summary>
    public sealed record Join(RunId Run, TrainerId Trainer, ulong Incarnation, ulong Replaces, long Examples, long At)
        : OfRun(Run, At);

    /// <summary>Removes a trainer from the client set: it left, or was silent past its lease.</summary>
    public sealed record Leave(RunId Run, TrainerId Trainer, ulong Incarnation, long At) : OfRun(Run, At);

    /// <summary>Counts an update. Its bytes are durable on a majority before this is proposed.</summary>
    public sealed record AcceptUpdate(
        RunId Run, int Round, TrainerId Trainer, BlobHash Blob, long Length, long Examples, Metrics Metrics, long At)
        : OfRun(Run, At);

    /// <summary>Closes a round without its stragglers: its deadline or its grace period is over.</summary>
    public sealed record CloseRound(RunId Run, int Round, long At) : OfRun(Run, At);

    /// <summary>Names the model that a round made. Round 0 is the initial model.</summary>
    public sealed record PublishModel(RunId Run, int Round, BlobRef Model, long At) : OfRun(Run, At)
    {
        /// <summary>
        /// Why the model will not be scored; empty: its score, or why it has none, is a later fact.
        /// </summary>
        public string Unscored { get; init; } = "";

        /// <summary>
        /// The trainers whose updates the model is made of, in order; empty: all accepted ones. A robust rule may leave
        /// updates out.
        /// </summary>
        public ImmutableArray<TrainerId> Contributors { get; init; } = [];

        /// <summary>What the aggregation rule carries to the next round, such as optimiser moments.</summary>
        public BlobRef? Memory { get; init; }

        /// <summary>What the aggregation reports about the round.</summary>
        public Metrics Metrics { get; init; } = Metrics.None;

        /// <summary>By content.</summary>
        public bool Equals(PublishModel? other) => other is not null
            && (Run, Round, Model, At, Actor, Key, Unscored, Memory) == (other.Run, other.Round, other.Model, other.At,
                other.Actor, other.Key, other.Unscored, other.Memory)
            && Metrics.Equals(other.Metrics) && Contributors.AsSpan().SequenceEqual(other.Contributors.AsSpan());

        public override int GetHashCode() => Round;
    }

    /// <summary>Scores a published model. No metrics: it could not be scored, and the reason says why.</summary>
    public sealed record RecordScore(RunId Run, int Round, Metrics Metrics, string Reason, long At) : OfRun(Run, At);

    /// <summary>Ends a run before its last round.</summary>
    public sealed record EndRun(RunId Run, bool Failed, string Reason, long At) : OfRun(Run, At);

    /// <summary>
    /// Pauses a run: its open round still accepts updates, no deadline closes it, and no further round opens.
    /// </summary>
    public sealed record PauseRun(RunId Run, long At) : OfRun(Run, At);

    /// <summary>Lets a paused run continue.</summary>
    public sealed record ResumeRun(RunId Run, long At) : OfRun(Run, At);

    /// <summary>Raises the cluster's feature level. Every member supports it before this is proposed.</summary>
    public sealed record RaiseLevel(int Level, long At) : Command(At);

    /// <summary>Holds the feature level where it is, or allows it to rise again.</summary>
    public sealed record HoldLevel(bool Held, long At) : Command(At);

    /// <summary>
    /// Limits how many runs are active at the same time: 1 to <see cref="Limits.ActiveRuns"/>. A lower limit stops no
    /// run.
    /// </summary>
    public sealed record LimitActiveRuns(int Max, long At) : Command(At);

    /// <summary>Gives the cluster its id. Only the first one counts.</summary>
    public sealed record NameCluster(ClusterId Id, long At) : Command(At);
}

/// <summary>The model that a run starts from: that of a round of another run.</summary>
/// <param name="Run">The other run.</param>
/// <param name="Round">The round that made the model.</param>
/// <param name="FreshMemory">Whether the run starts without the aggregation rule's memory of that round.</param>
public readonly record struct ParentModel(RunId Run, int Round, bool FreshMemory);

/// <summary>A blob's name and size.</summary>
public readonly record struct BlobRef(BlobHash Hash, long Length)
{
    /// <summary>Whether the length is 1 to <see cref="Limits.BlobBytes"/>.</summary>
    public bool IsInRange => Length is >= 1 and <= Limits.BlobBytes;
}
