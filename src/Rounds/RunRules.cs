namespace Quorate.Rounds;

/// <summary>
/// The rules of a run's rounds. The rest of a run's configuration (model, data, optimiser) is its plan.
/// </summary>
public sealed record RunRules
{
    public const string DefaultScoreMetric = Metrics.Accuracy;

    /// <summary>Rounds to run: 1 to <see cref="Limits.Rounds"/>.</summary>
    public required int Rounds { get; init; }

    /// <summary>Trainers that must be present before a round opens: 1 to <see cref="Limits.Trainers"/>.</summary>
    public required int MinTrainers { get; init; }

    /// <summary>Updates that a round needs before it can close: 1 to <see cref="MinTrainers"/>.</summary>
    public required int MinResults { get; init; }

    /// <summary>
    /// A round older than this closes as soon as it has <see cref="MinResults"/> updates. 1 s to 7 days.
    /// </summary>
    public required TimeSpan Deadline { get; init; }

    /// <summary>
    /// Once a round has <see cref="MinResults"/> updates, stragglers have this long before it closes without them.
    /// Zero: there is no grace period, and only the deadline closes a round without stragglers. At most 7 days.
    /// </summary>
    public required TimeSpan Grace { get; init; }

    /// <summary>
    /// Closed rounds whose updates (facts and bytes) are kept: 0 to 1,000, with at most
    /// <see cref="Limits.ListedUpdates"/> updates in all. The open round's updates are always kept.
    /// </summary>
    public required int KeepUpdateRounds { get; init; }

    /// <summary>
    /// Newest models whose bytes are kept: 1 to <see cref="Limits.Rounds"/>. The model with the best score is always
    /// kept.
    /// </summary>
    public required int KeepModels { get; init; }

    /// <summary>
    /// The score metric by which the best model is chosen. Lower is better if its name ends with "loss"; otherwise
    /// higher is better.
    /// </summary>
    public string ScoreMetric { get; init; } = DefaultScoreMetric;

    /// <summary>
    /// Examples that one trainer may claim, 1 to <see cref="Limits.Examples"/>; 0: <see cref="Limits.Examples"/>. It
    /// bounds the weight of an update, which is its sender's word.
    /// </summary>
    public long MaxExamples { get; init; }

    /// <summary>
    /// The share of a weighted mean that one update may have: above 0, at most 1, and at least 1 divided by
    /// <see cref="MinResults"/>. 1: there is no cap.
    /// </summary>
    public double MaxShare { get; init; } = 1;

    /// <summary>
    /// A trainer that is present and delivers nothing in this many rounds in a row is no longer awaited, until an
    /// update of it is accepted: 0 to 1,000. 0: every present trainer is always awaited.
    /// </summary>
    public int MaxMissedRounds { get; init; }

    /// <summary>Who makes the model that the run starts from.</summary>
    public InitialModel Initial { get; init; }

    /// <summary>The most examples that a trainer or an update may have.</summary>
    public long ExamplesMax => MaxExamples > 0 ? MaxExamples : Limits.Examples;

    /// <summary>Every rule that is out of its range, as a sentence that names its key.</summary>
    public IReadOnlyList<string> Errors()
    {
        var errors = new List<string>();
        Check(Rounds is >= 1 and <= Limits.Rounds, $"rounds must be 1 to {Limits.Rounds}, not {Rounds}.");
        Check(MinTrainers is >= 1 and <= Limits.Trainers,
            $"minTrainers must be 1 to {Limits.Trainers}, not {MinTrainers}.");
        Check(MinResults >= 1 && MinResults <= MinTrainers,
            $"minResults must be 1 to minTrainers ({MinTrainers}), not {MinResults}.");
        Check(Deadline >= TimeSpan.FromSeconds(1) && Deadline <= TimeSpan.FromDays(7),
            $"deadlineSeconds must be 1 to 604800, not {Deadline.TotalSeconds}.");
        Check(Grace >= TimeSpan.Zero && Grace <= TimeSpan.FromDays(7),
            $"graceSeconds must be 0 to 604800, not {Grace.TotalSeconds}.");
        Check(KeepUpdateRounds is >= 0 and <= 1000, $"keepUpdateRounds must be 0 to 1000, not {KeepUpdateRounds}.");
        Check(KeepModels is >= 1 and <= Limits.Rounds, $"keepModels must be 1 to {Limits.Rounds}, not {KeepModels}.");
        Check(Metrics.IsName(ScoreMetric), $"scoring.metric must be a metric's name, not '{Slug.Shown(ScoreMetric)}'.");
        Check(MaxExamples is >= 0 and <= Limits.Examples,
            $"maxExamples must be 1 to {Limits.Examples}, not {MaxExamples}.");
        Check(MaxShare is > 0 and <= 1, FormattableString.Invariant(
            $"maxShare must be above 0 and at most 1, not {MaxShare}."));
        Check(MinResults < 1 || !(MaxShare > 0) || MinResults * MaxShare >= 1, FormattableString.Invariant(
            $"maxShare times minResults ({MinResults}) must be at least 1, and maxShare is {MaxShare}."));
        Check(MaxMissedRounds is >= 0 and <= 1000, $"maxMissedRounds must be 0 to 1000, not {MaxMissedRounds}.");
        Check(Enum.IsDefined(Initial), $"initial must be one of the known words, not {(int)Initial}.");
        return errors;

        void Check(bool holds, string error)
        {
            if (!holds) errors.Add(error);
        }
    }
}

/// <summary>Who makes the model that a run starts from. A number in commands and snapshots: append, never renumber.
/// </summary>
public enum InitialModel
{
    /// <summary>A coordinator that has a trainer program; otherwise a person uploads it.</summary>
    Coordinator = 0,

    /// <summary>A person uploads it.</summary>
    Upload = 1,

    /// <summary>The trainer with the lowest id of those present (<see cref="Run.Initialiser"/>).</summary>
    Trainer = 2,
}
