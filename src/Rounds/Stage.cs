using System.Collections.Immutable;

namespace Quorate.Rounds;

/// <summary>A stage as a number, for the wire and the disk: append, never renumber.</summary>
public enum Phase
{
    /// <summary><see cref="Stage.Preparing"/>.</summary>
    Preparing = 0,

    /// <summary><see cref="Stage.Waiting"/>.</summary>
    Waiting = 1,

    /// <summary><see cref="Stage.Open"/>.</summary>
    Training = 2,

    /// <summary><see cref="Stage.Closed"/>.</summary>
    Aggregating = 3,

    /// <summary><see cref="Stage.Scoring"/>.</summary>
    Scoring = 4,

    /// <summary><see cref="Stage.Finished"/>.</summary>
    Finished = 5,

    /// <summary><see cref="Stage.Aborted"/> by an operator.</summary>
    Stopped = 6,

    /// <summary><see cref="Stage.Aborted"/> because of an error.</summary>
    Failed = 7,

    /// <summary><see cref="Stage.Queued"/>.</summary>
    Queued = 8,
}

/// <summary>
/// What a run is doing, with the facts that exist only then. Closed hierarchy. The round's number is not among them:
/// it follows from the trail (<see cref="Run.Round"/>).
/// </summary>
public abstract record Stage
{
    private Stage()
    {
    }

    public abstract Phase Phase { get; }

    /// <summary>The run waits for a place among the active runs. Its parent's model is in its trail already.</summary>
    public sealed record Queued : Stage
    {
        public override Phase Phase => Phase.Queued;
    }

    /// <summary>There is no model yet.</summary>
    public sealed record Preparing : Stage
    {
        public override Phase Phase => Phase.Preparing;
    }

    /// <summary>Too few trainers are present to open the next round, or the run is paused.</summary>
    public sealed record Waiting : Stage
    {
        public override Phase Phase => Phase.Waiting;
    }

    /// <summary>A round has opened and its model is not published yet.</summary>
    /// <param name="OpenedAt">When the round opened, Unix milliseconds.</param>
    /// <param name="Updates">The accepted updates, in trainer-id order: the order they are summed in.</param>
    public abstract record InRound(long OpenedAt, ImmutableSortedDictionary<TrainerId, Update> Updates) : Stage;

    /// <summary>The round is open: trainers train and deliver their updates.</summary>
    public sealed record Open(long OpenedAt, ImmutableSortedDictionary<TrainerId, Update> Updates)
        : InRound(OpenedAt, Updates)
    {
        public override Phase Phase => Phase.Training;

        /// <summary>The same round with its set of updates fixed.</summary>
        public Closed Close() => new(OpenedAt, Updates);
    }

    /// <summary>The round is closed: its set of updates is fixed and waits for its average.</summary>
    public sealed record Closed(long OpenedAt, ImmutableSortedDictionary<TrainerId, Update> Updates)
        : InRound(OpenedAt, Updates)
    {
        public override Phase Phase => Phase.Aggregating;
    }

    /// <summary>The last model is published and waits for its score.</summary>
    public sealed record Scoring : Stage
    {
        public override Phase Phase => Phase.Scoring;
    }

    /// <summary>The run is over.</summary>
    public abstract record Ended : Stage;

    /// <summary>All rounds are done, and the last model is judged.</summary>
    public sealed record Finished : Ended
    {
        public override Phase Phase => Phase.Finished;
    }

    /// <summary>The run ended before it was finished. The updates of its open or closed round remain visible.</summary>
    /// <param name="Failed">False: an operator stopped it.</param>
    /// <param name="Why">The reason, in the words of the command.</param>
    /// <param name="OpenedAt">When its newest round opened, Unix milliseconds; 0: none did.</param>
    /// <param name="Updates">The updates of the round that was open or closed; empty where there was none.</param>
    public sealed record Aborted(
        bool Failed, string Why, long OpenedAt, ImmutableSortedDictionary<TrainerId, Update> Updates) : Ended
    {
        public override Phase Phase => Failed ? Phase.Failed : Phase.Stopped;
    }
}
