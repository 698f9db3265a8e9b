using System.Collections.Immutable;

namespace Quorate.Rounds;

/// <summary>One training of one model, from its initial model to its last round.</summary>
/// <remarks>
/// Invariant: <see cref="Trail"/> holds the models of rounds 0 … n in order; n is at most the number of rounds.
/// Invariant: a run that is queued or has ended is not paused.
/// </remarks>
public sealed record Run
{
    public required RunId Id { get; init; }
    public required RunRules Rules { get; init; }

    /// <summary>The run's configuration as JSON, at most <see cref="Limits.PlanChars"/>. Opaque here.</summary>
    public required string Plan { get; init; }

    public required long OpenedAt { get; init; }

    /// <summary>The model that the run started from; null: its own initial model.</summary>
    public ParentModel? Parent { get; init; }

    /// <summary>
    /// While an operator has paused it, the open round accepts updates, no deadline closes it, and no round opens.
    /// </summary>
    public bool Paused { get; init; }

    /// <summary>What the run is doing, with the facts that exist only then.</summary>
    public Stage Stage { get; init; } = new Stage.Preparing();

    /// <summary>The client set, and the trainers that left it and may return.</summary>
    public ImmutableSortedDictionary<TrainerId, Trainer> Trainers { get; init; } =
        ImmutableSortedDictionary<TrainerId, Trainer>.Empty;

    /// <summary>The model trail: what each round made, and of what.</summary>
    public Trail Trail { get; init; } = Trail.Empty;

    /// <summary>Trainers in the client set now.</summary>
    public int Present { get; init; }

    /// <summary>Of those, the trainers that a round waits for.</summary>
    public int Awaited { get; init; }

    /// <summary>
    /// The trainer that is asked to make the initial model, or null. If it leaves, the next one is asked.
    /// </summary>
    public TrainerId? Initialiser => Stage is Stage.Preparing && Rules.Initial == InitialModel.Trainer
        ? Trainers.Values.FirstOrDefault(trainer => trainer.Present)?.Id
        : null;

    public Phase Phase => Stage.Phase;

    /// <summary>The round that is open or opens next: 0 while preparing, the last one when all are done.</summary>
    public int Round => Math.Min(Trail.Count, Rules.Rounds);

    /// <summary>When the newest round opened, Unix milliseconds; 0: none did.</summary>
    public long RoundOpenedAt => Stage switch
    {
        Stage.InRound round => round.OpenedAt,
        Stage.Aborted aborted => aborted.OpenedAt,
        _ => Model?.OpenedAt ?? 0,
    };

    /// <summary>
    /// Updates accepted in the round that is open or closed, or in the one that an aborted run was in; in trainer-id
    /// order.
    /// </summary>
    public ImmutableSortedDictionary<TrainerId, Update> Updates => Stage switch
    {
        Stage.InRound round => round.Updates,
        Stage.Aborted aborted => aborted.Updates,
        _ => ImmutableSortedDictionary<TrainerId, Update>.Empty,
    };

    /// <summary>Why the run was aborted; empty: it was not.</summary>
    public string Reason => Stage is Stage.Aborted aborted ? aborted.Why : "";

    public bool Ended => Stage is Stage.Ended;

    public bool IsActive => Stage is not (Stage.Queued or Stage.Ended);

    /// <summary>Whether a round waits for this trainer's update.</summary>
    public bool Awaits(Trainer trainer) =>
        trainer.Present && (Rules.MaxMissedRounds == 0 || trainer.Missed < Rules.MaxMissedRounds);

    /// <summary>The run with a trainer that is new or has changed.</summary>
    internal Run With(Trainer trainer)
    {
        var known = Trainers.GetValueOrDefault(trainer.Id);
        return this with
        {
            Trainers = Trainers.SetItem(trainer.Id, trainer),
            Present = Present + Count(trainer.Present) - Count(known is { Present: true }),
            Awaited = Awaited + Count(Awaits(trainer)) - Count(known is not null && Awaits(known)),
        };

        static int Count(bool one) => one ? 1 : 0;
    }

    /// <summary>The newest model; null before there is one.</summary>
    public PublishedModel? Model => Trail.Count > 0 ? Trail[^1] : null;

    /// <summary>Known trainers that are not present: a waiting run waits for them.</summary>
    public IEnumerable<TrainerId> Missing => Trainers.Values.Where(t => !t.Present).Select(t => t.Id);

    /// <summary>
    /// The models whose bytes must be kept: the newest few, the best, and the one that is scored next.
    /// </summary>
    public IEnumerable<PublishedModel> KeptModels => Trail
        .Newest(Rules.KeepModels)
        .Append(Trail.Best).Append(NextStep.ToScore(this)).OfType<PublishedModel>().DistinctBy(model => model.Round);

    /// <summary>The blobs of the kept models: the models themselves and their server memories.</summary>
    public IEnumerable<BlobRef> KeptModelBlobs => KeptModels
        .SelectMany(model => new[] { new BlobRef(model.Blob, model.Length), model.Memory ?? default })
        .Where(blob => blob.IsInRange);

    /// <summary>The updates whose bytes must be kept: the current round's and those the trail still lists.</summary>
    public IEnumerable<Update> KeptUpdates =>
        Trail.Newest(Rules.KeepUpdateRounds).SelectMany(m => m.Updates).Concat(Updates.Values);
}

/// <summary>A trainer that a run knows.</summary>
/// <param name="Id">Its stable name.</param>
/// <param name="Incarnation">Random for each start of its process: tells a returning trainer from a second one.</param>
/// <param name="Examples">Examples it trains on, 1 to <see cref="Limits.Examples"/>.</param>
/// <param name="Present">True while it is in the client set.</param>
/// <param name="Since">When it last joined or left, Unix milliseconds.</param>
public sealed record Trainer(TrainerId Id, ulong Incarnation, long Examples, bool Present, long Since)
{
    /// <summary>
    /// Rounds in a row that closed without its update while it was present, counted up to
    /// <see cref="RunRules.MaxMissedRounds"/>.
    /// </summary>
    public int Missed { get; init; }
}

/// <summary>An accepted update: counted once, its bytes on a majority.</summary>
/// <param name="Trainer">Who trained it.</param>
/// <param name="Blob">The SHA-256 of its <c>.pt</c> file.</param>
/// <param name="Length">Bytes of the file.</param>
/// <param name="Examples">Its weight in the average.</param>
/// <param name="Metrics">What the trainer says about it, such as its mean training loss.</param>
/// <param name="At">When it was proposed, Unix milliseconds.</param>
public sealed record Update(TrainerId Trainer, BlobHash Blob, long Length, long Examples, Metrics Metrics, long At);

/// <summary>A model of the trail.</summary>
/// <param name="Round">The round that made it; 0 for the initial model.</param>
/// <param name="Blob">The SHA-256 of its <c>.pt</c> file.</param>
/// <param name="Length">Bytes of the file.</param>
/// <param name="Contributors">How many updates it is made of.</param>
/// <param name="Examples">Sum of their examples.</param>
/// <param name="Updates">
/// The accepted updates, in trainer-id order; empty once older than the run keeps them.
/// </param>
/// <param name="OpenedAt">When its round opened, Unix milliseconds.</param>
/// <param name="PublishedAt">When it was published, Unix milliseconds.</param>
public sealed record PublishedModel(
    int Round, BlobHash Blob, long Length, int Contributors, long Examples, ImmutableArray<Update> Updates,
    long OpenedAt, long PublishedAt)
{
    /// <summary>
    /// Who contributed, in order, if a rule chose among the <see cref="Updates"/>; empty if all count, or if the
    /// updates are no longer listed.
    /// </summary>
    public ImmutableArray<TrainerId> Counted { get; init; } = [];

    /// <summary>What the aggregation rule carries to the next round, or nothing.</summary>
    public BlobRef? Memory { get; init; }

    /// <summary>What the aggregation says about the round.</summary>
    public Metrics Metrics { get; init; } = Metrics.None;

    /// <summary>Its score; none while unscored or unscorable.</summary>
    public Metrics Score { get; init; } = Metrics.None;

    /// <summary>Why it has no score; empty while that is open.</summary>
    public string Unscored { get; init; } = "";

    /// <summary>The reason of every model in a run whose plan has no scoring.</summary>
    public const string NoScoresAsked = "the run asks for no scores.";

    /// <summary>True when its score, or why it has none, is known.</summary>
    public bool Judged => Score.Count > 0 || Unscored.Length > 0;
}
