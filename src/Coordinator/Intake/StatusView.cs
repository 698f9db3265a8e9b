using Google.Protobuf;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// The replicated state, and what this node alone knows, as the messages that people and trainers read.
/// </summary>
internal sealed class StatusView(
    IReplicatedLog log, Attendance attendance, OperatorNotices notices, LostUpdates lost, CoordinatorOptions options,
    TimeProvider time)
{
    /// <summary>Trainers whose faults the waiting sentence repeats; the list of trainers has them all.</summary>
    private const int FaultsNamedMax = 3;

    private const int MissingNamedMax = 20;

    /// <summary>
    /// Models, and their bytes, in one reply, give or take one model. A client asks for the older ones with
    /// <see cref="StatusRequest.Before"/>.
    /// </summary>
    public const int TrailMax = 4096, TrailBytesMax = 1 << 20;

    public StatusReply Of(ClusterState state, StatusRequest request)
    {
        var leadership = log.Leadership;
        int? leader = leadership.LeaderNode;
        var reply = new StatusReply
        {
            Node = options.Node, Leader = leadership.IsLeader, LeaderNode = leader ?? -1, Term = leadership.Term,
            LeaderAddress = leader is { } id ? options.Hosts.Node(id).Grpc.ToString() : "",
            Index = state.Index, Chain = Bytes(state.Chain), Quorum = log.QuorumReachable,
            FeatureLevel = state.Level, SupportedLevel = options.FeatureLevel,
            LevelHeldBy = state.LevelHeldBy, MaxActiveRuns = state.MaxActiveRuns,
        };
        reply.Notes.AddRange(notices.All);
        var run = request.Run.Length == 0
            ? state.ActiveRuns.FirstOrDefault() ?? state.Runs.LastOrDefault()
            : RunId.TryParse(request.Run, out var wanted) ? state.Find(wanted) : null;
        if (run is not null) reply.Run = Of(state, run, request);
        reply.Runs.AddRange(state.Runs.Select(run => Summary(state, run)));
        return reply;
    }

    /// <summary>The runs that concern one trainer, as it needs them.</summary>
    public Announcement Announce(ClusterState state, TrainerId trainer, ulong incarnation)
    {
        var announcement = new Announcement();
        foreach (var run in state.ActiveRuns)
            announcement.Runs.Add(Announce(run, trainer, incarnation));
        // The trainer learns that its run has ended, even when another one is active already.
        var ended = state.Runs.FindLast(run => run.Ended && run.Trainers.ContainsKey(trainer))
            ?? (announcement.Runs.Count == 0 && state.Runs.Count > 0 ? state.Runs[^1] : null);
        if (ended is not null) announcement.Runs.Add(Announce(ended, trainer, incarnation));
        return announcement;
    }

    /// <summary>Behind which runs a queued one waits, and why none of them makes room.</summary>
    public static string QueuedBehind(ClusterState state, Run queued)
    {
        var ahead = state.Runs.TakeWhile(run => run != queued).Where(run => !run.Ended).Select(run => $"'{run.Id}'");
        return $"queued behind {string.Join(", ", ahead)} ({state.ActiveRuns.Count()} of {state.MaxActiveRuns} places "
            + "taken).";
    }

    private static RunSummary Summary(ClusterState state, Run run) => new()
    {
        Run = run.Id.ToString(), Phase = (RunPhase)run.Phase, Round = run.Round, Rounds = run.Rules.Rounds,
        OpenedAt = run.OpenedAt, Reason = run.Reason, WaitingFor = WaitingFor(state, run),
    };

    private RunAnnouncement Announce(Run run, TrainerId trainer, ulong incarnation) => new()
    {
        Run = run.Id.ToString(), Phase = (RunPhase)run.Phase, Round = run.Round,
        Model = run.Model is { } model ? Bytes(model.Blob) : ByteString.Empty,
        ModelLength = run.Model?.Length ?? 0, Present = run.Present, MinTrainers = run.Rules.MinTrainers,
        Accepted = run.Updates.ContainsKey(trainer),
        Member = run.Trainers.GetValueOrDefault(trainer) is { Present: true } member
            && member.Incarnation == incarnation,
        Resend = lost.Contains(run, trainer),
        Initialise = run.Initialiser == trainer && run.Trainers[trainer].Incarnation == incarnation,
    };

    private RunStatus Of(ClusterState state, Run run, StatusRequest request)
    {
        var faults = run.Ended ? [] : attendance.Faults(run.Id);
        var status = new RunStatus
        {
            Run = run.Id.ToString(), Phase = (RunPhase)run.Phase, Round = run.Round, Rounds = run.Rules.Rounds,
            MinTrainers = run.Rules.MinTrainers, MinResults = run.Rules.MinResults,
            Present = run.Ended ? 0 : run.Present, Plan = run.Plan, Reason = run.Reason,
            RoundOpenedAt = run.RoundOpenedAt, WaitingFor = WaitingFor(state, run, faults),
            BestRound = run.Trail.Best?.Round ?? 0, Paused = run.Paused,
        };
        status.Trainers.AddRange(run.Trainers.Values.Select(t => Of(run, t)));
        status.Trainers.AddRange(faults.Where(fault => !run.Trainers.ContainsKey(fault.Trainer)).Select(
            fault => new TrainerStatus { Trainer = fault.Trainer.ToString(), SilentMs = -1, Fault = fault.Fault }));
        status.Updates.AddRange(run.Updates.Values.Select(Of));
        status.Trail.AddRange(Page(run, request));
        return status;
    }

    /// <summary>The newest of the wanted models that fit into one reply, oldest first.</summary>
    private static IEnumerable<ModelStatus> Page(Run run, StatusRequest request)
    {
        var trail = run.Trail;
        var kept = run.KeptModels.Select(model => model.Round).ToHashSet();
        int end = request.Before > 0 ? Math.Min(request.Before, trail.Count) : trail.Count;
        int wanted = request.Trail > 0 ? Math.Min(request.Trail, TrailMax) : TrailMax;
        var models = trail.Newest(trail.Count - Math.Max(0, end - wanted)).TakeWhile(model => model.Round < end)
            .Select(model => Of(model, kept.Contains(model.Round))).ToList();
        int from = models.Count;
        for (int bytes = 0; from > 0 && bytes < TrailBytesMax;) bytes += models[--from].CalculateSize();
        return models.Skip(from);
    }

    private TrainerStatus Of(Run run, Trainer trainer)
    {
        var seen = log.Leadership.IsLeader
            && attendance.Find(trainer) is { Contact: not Attendance.Contact.Awaited } last
            ? last
            : null;
        return new TrainerStatus
        {
            // Nobody leaves a run that has ended, so it does not know who is still here.
            Trainer = trainer.Id.ToString(), Present = trainer.Present && !run.Ended, Examples = trainer.Examples,
            Accepted = run.Updates.ContainsKey(trainer.Id), Incarnation = trainer.Incarnation,
            Activity = seen?.Activity ?? Activity.Idle, Progress = seen?.Progress ?? 0,
            SilentMs = seen is null ? -1 : (long)time.GetElapsedTime(seen.Timestamp).TotalMilliseconds,
            Fault = !run.Ended && seen?.Run == run.Id.ToString() ? seen.Fault : "",
            NotAwaitedAfter = trainer.Present && !run.Awaits(trainer) ? trainer.Missed : 0,
        };
    }

    private static UpdateStatus Of(Update update) => new()
    {
        Trainer = update.Trainer.ToString(), Blob = Bytes(update.Blob), Length = update.Length,
        Examples = update.Examples, At = update.At, Metrics = { update.Metrics.ToDictionary() },
    };

    private static ModelStatus Of(PublishedModel model, bool kept)
    {
        var status = new ModelStatus
        {
            Round = model.Round, Blob = Bytes(model.Blob), Length = model.Length,
            Contributors = model.Contributors, Examples = model.Examples, OpenedAt = model.OpenedAt,
            PublishedAt = model.PublishedAt, Unscored = model.Unscored, Kept = kept,
            Metrics = { model.Metrics.ToDictionary() },
            Memory = model.Memory is { } memory ? Bytes(memory.Hash) : ByteString.Empty,
        };
        if (model.Score.Count > 0) status.Score = new ScoreStatus { Metrics = { model.Score.ToDictionary() } };
        status.Counted.AddRange(model.Counted.Select(trainer => trainer.ToString()));
        status.Updates.AddRange(model.Updates.Select(Of));
        return status;
    }

    private static ByteString Bytes(BlobHash hash) => ByteString.CopyFrom(hash.ToArray());

    /// <summary>Why nothing moves, in one sentence; empty when something does.</summary>
    private static string WaitingFor(
        ClusterState state, Run run, IReadOnlyList<(TrainerId Trainer, string Fault)> faults)
    {
        string reports = string.Concat(
            faults.Take(FaultsNamedMax).Select(fault => $" Trainer {fault.Trainer} reports: {fault.Fault}"));
        return (WaitingFor(state, run) + reports).TrimStart();
    }

    private static string WaitingFor(ClusterState state, Run run)
    {
        const string Paused = "Paused by an operator: updates are accepted, no round opens.";
        int lacking = run.Rules.MinTrainers - run.Present;
        return run.Phase switch
        {
            Phase.Queued => $"The run is {QueuedBehind(state, run)}",
            Phase.Preparing => WaitingForInitialModel(run) + (run.Paused ? $" {Paused}" : ""),
            _ when run.Paused => Paused,
            Phase.Waiting => Absent(run, lacking),
            Phase.Training when lacking > 0 => Absent(run, lacking),
            Phase.Scoring => "Waiting for the final score.",
            _ => "",
        };
    }

    private static string WaitingForInitialModel(Run run) => run.Rules.Initial switch
    {
        InitialModel.Upload => $"Waiting for an initial model: quorate models push FILE --run {run.Id}",
        InitialModel.Trainer when run.Initialiser is { } trainer =>
            $"Waiting for trainer {trainer} to make the initial model.",
        InitialModel.Trainer => "Waiting for a trainer that makes the initial model.",
        _ => "Waiting for the initial model.",
    };

    /// <summary>"Waiting for trainer 3, which has left; 4 of 5 are present."</summary>
    private static string Absent(Run run, int lacking)
    {
        string[] left = [.. run.Missing.Take(MissingNamedMax).Select(trainer => trainer.ToString())];
        string trainers = $"trainer{(left.Length == 1 ? "" : "s")} {string.Join(", ", left)}";
        string have = left.Length == 1 ? "has left" : "have left";
        string present = $"{run.Present} of {run.Rules.MinTrainers} {(run.Present == 1 ? "is" : "are")} present.";
        return left.Length == lacking
            ? $"Waiting for {trainers}, which {have}; {present}"
            : $"Waiting for {PlainText.Count(lacking, "more trainer")}; {present}"
                + (left.Length > 0 ? $" T{trainers[1..]} {have}." : "");
    }
}
