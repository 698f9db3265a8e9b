using System.Collections.Immutable;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;

namespace Quorate.Client.Attending;

/// <summary>
/// What a trainer does next. It follows from what the trainer remembers and from the leader's announcement, and from
/// nothing else: <see cref="Of(TrainerMemory, IReadOnlyList{AnnouncedRun})"/> is pure. tests/vectors/trainer-steps.json
/// holds examples that trainers in every language must agree on.
/// </summary>
public abstract record TrainerStep
{
    private TrainerStep()
    {
    }

    /// <summary>Load the run's data.</summary>
    public sealed record Prepare(RunId Run) : TrainerStep;

    /// <summary>Ask for a place in the run's client set. Work under way continues.</summary>
    public sealed record Join(RunId Run) : TrainerStep;

    /// <summary>Make the run's initial model and upload it.</summary>
    public sealed record Initialise(RunId Run) : TrainerStep;

    /// <summary>Download the model, train, and upload the update.</summary>
    public sealed record Train(RoundWork Work) : TrainerStep;

    /// <summary>Send the update that is on disk, for the first time or again.</summary>
    public sealed record Upload(RoundWork Work) : TrainerStep;

    /// <summary>Nothing new. Work under way continues.</summary>
    public sealed record Wait : TrainerStep;

    /// <summary>The run has ended, or is gone: stop the work under way for it.</summary>
    public sealed record Abandon(RunId Run) : TrainerStep;

    /// <summary>The run has ended, and the trainer attends only one: end the program.</summary>
    public sealed record Leave(RunId Run) : TrainerStep;

    /// <summary>The round that the step works for, if it works for one.</summary>
    private RoundWork? ForRound => this switch
    {
        Train train => train.Work,
        Upload upload => upload.Work,
        _ => null,
    };

    /// <summary>The run that the step is about, if it is about one.</summary>
    public RunId? Subject => this switch
    {
        Prepare prepare => prepare.Run,
        Join join => join.Run,
        Initialise initialise => initialise.Run,
        Abandon abandon => abandon.Run,
        Leave leave => leave.Run,
        _ => ForRound?.Run,
    };

    /// <summary>A trainer that is busy with <paramref name="other"/> does what this step asks for already.</summary>
    public bool IsPartOf(TrainerStep other) => this == other || (ForRound is { } work && work == other.ForRound);

    /// <param name="runs">The active runs, oldest first, and ended ones that concern this trainer.</param>
    public static TrainerStep Of(TrainerMemory memory, IReadOnlyList<AnnouncedRun> runs)
    {
        if (memory.Once && Over(memory, runs) is { } over) return new Leave(over);
        if (memory.Busy is { } busy && !runs.Any(run => run.Run == busy && !run.HasEnded)) return new Abandon(busy);
        TrainerStep later = new Wait();
        // A trainer works for one run at a time: the one that it is busy with, then the oldest that has work for it.
        foreach (var run in runs.OrderBy(run => run.Run != memory.Busy))
        {
            var step = Of(memory, run);
            if (step is Join && run.Run == memory.TurnedAway) later = step;
            else if (step is not Wait) return step;
        }
        return later;
    }

    private static TrainerStep Of(TrainerMemory memory, AnnouncedRun run)
    {
        if (run.HasEnded || memory.Refused.Contains(run.Run)) return new Wait();
        var trained = memory.Trained?.Work;
        if (run.Resend && trained is { } lost && (lost.Run, lost.Round) == (run.Run, run.Round))
            return new Upload(lost);
        bool prepared = memory.Prepared == run.Run;
        if (!run.Member) return prepared ? new Join(run.Run) : new Prepare(run.Run);
        if (run.Initialise && memory.Initialised != run.Run)
            return prepared ? new Initialise(run.Run) : new Prepare(run.Run);
        if (run.Phase != RunPhase.Training || run.Accepted) return new Wait();
        var work = new RoundWork(run.Run, run.Round, run.Model, run.ModelLength);
        if (work == memory.Settled.GetValueOrDefault(run.Run)) return new Wait();
        if (work == trained) return new Upload(work);
        return prepared ? new Train(work) : new Prepare(run.Run);
    }

    /// <summary>The run whose end is this trainer's; null while it is in an active run or waits for one.</summary>
    private static RunId? Over(TrainerMemory memory, IReadOnlyList<AnnouncedRun> runs)
    {
        if (runs.Count == 0) return null;
        if (memory.Prepared is { } prepared)
            return runs.Any(run => !run.HasEnded && (run.Run == prepared || run.Member)) ? null : prepared;
        return runs.All(run => run.HasEnded) ? runs[^1].Run : null;
    }
}

/// <summary>What a trainer remembers between two announcements. None of it outlives the process.</summary>
public sealed record TrainerMemory
{
    /// <summary>Leave when the runs that it is in have ended, instead of waiting for the next one.</summary>
    public bool Once { get; init; }

    /// <summary>The run whose data is loaded.</summary>
    public RunId? Prepared { get; init; }

    /// <summary>The run that the work under way belongs to; null while nothing is under way.</summary>
    public RunId? Busy { get; init; }

    /// <summary>The update on disk. Invariant: a (run, round, model) is trained at most once by this process.</summary>
    public TrainedUpdate? Trained { get; init; }

    /// <summary>Each run's newest work whose update the cluster has answered for good.</summary>
    public ImmutableDictionary<RunId, RoundWork> Settled { get; init; } = ImmutableDictionary<RunId, RoundWork>.Empty;

    /// <summary>The run whose initial model the cluster has answered, or which this trainer cannot make.</summary>
    public RunId? Initialised { get; init; }

    /// <summary>The run that refused to let this trainer join the last time.</summary>
    public RunId? TurnedAway { get; init; }

    /// <summary>Runs that this trainer cannot take part in, whatever it tries.</summary>
    public ImmutableHashSet<RunId> Refused { get; init; } = [];
}

/// <summary>A run as a leader announces it to one trainer.</summary>
/// <param name="Model">The model to train from; of no meaning while the run prepares or has ended.</param>
/// <param name="Member">Whether this process is in the run's client set.</param>
/// <param name="Accepted">Whether this trainer's update of the round is counted.</param>
/// <param name="Resend">Whether the bytes of that update are lost and must be sent again.</param>
/// <param name="Initialise">Whether this trainer is asked to make the initial model.</param>
public sealed record AnnouncedRun(
    RunId Run, RunPhase Phase, int Round, BlobHash Model, long ModelLength, bool Member, bool Accepted, bool Resend,
    bool Initialise)
{
    public bool HasEnded => Phase.HasEnded();

    /// <exception cref="FormatException">The message names no run.</exception>
    public static AnnouncedRun Read(RunAnnouncement message) => new(
        RunId.Parse(message.Run), message.Phase, message.Round,
        message.Model.Length == BlobHash.Size ? BlobHash.FromBytes(message.Model.Span) : default,
        message.ModelLength, message.Member, message.Accepted, message.Resend, message.Initialise);
}

/// <summary>A round to train: which model to start from, in which round of which run.</summary>
public sealed record RoundWork(RunId Run, int Round, BlobHash Model, long ModelLength);

/// <summary>What a local training left on disk. It is sent until the cluster settles it, and never trained again.
/// </summary>
public sealed record TrainedUpdate(RoundWork Work, string Path, BlobHash Blob, long Length, Learned Learned);
