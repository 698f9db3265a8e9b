using System.Collections.Immutable;
using Quorate.Rounds;
using static Quorate.Rounds.Command;

namespace Quorate.Unit.Rounds;

/// <summary>
/// Commands that drive a cluster through whole runs, mixed with late, repeated, contradictory and absurd ones. There
/// are few names and contents, so they often collide.
/// </summary>
internal sealed class RandomCommands(ulong seed)
{
    private static readonly TrainerId[] Trainers =
        [.. new[] { "anna", "Bert", "c-3", "dora", "0e", "z.z" }.Select(TrainerId.Parse)];

    private static readonly RunId[] Names =
        [.. Enumerable.Range(0, Limits.Runs + 2).Select(i => RunId.Parse($"run-{i}"))];

    private readonly SplitMix64 _random = new(seed);
    private readonly List<Command> _past = [];
    private long _now;

    /// <summary>The next command, given the state that its proposers see.</summary>
    public Command Next(ClusterState state)
    {
        _now += _random.Below(100);
        if (_past.Count > 0 && _random.OneIn(10)) return _past[^(1 + _random.Below(Math.Min(_past.Count, 300)))];
        var live = state.Runs.Where(run => !run.Ended).ToList();
        var command = live.Count > 0 && !_random.OneIn(30) ? Fitting(live[_random.Below(live.Count)]) : Any(state);
        if (_random.OneIn(10)) command = command with { Actor = _random.Pick("anna", "größe") };
        if (_random.OneIn(12)) command = command with { Key = RequestKey.Parse($"key-{_random.Below(400)}") };
        _past.Add(command);
        return command;
    }

    /// <summary>What a correct leader and correct trainers would propose now, most of the time.</summary>
    private Command Fitting(Run run) => run.Phase switch
    {
        _ when _random.OneIn(8) => Mangled(run),
        _ when _random.OneIn(run.Paused ? 5 : 60) => PauseOrResume(run),
        _ when _random.OneIn(300) => new EndRun(run.Id, _random.OneIn(2), "ended by chance", _now),
        _ when _random.OneIn(6) => Score(run, Math.Max(0, run.Trail.Count - 1 - _random.Below(3))),
        Phase.Queued => _random.OneIn(9) ? new EndRun(run.Id, _random.OneIn(2), "out of the queue", _now) : Coming(run),
        Phase.Preparing => _random.OneIn(3) ? Publish(run, 0) : Coming(run),
        Phase.Aggregating => _random.OneIn(3) ? Publish(run, run.Round) : Deliver(run),
        Phase.Scoring => _random.OneIn(3) ? Score(run, run.Round) : Deliver(run),
        Phase.Waiting => Coming(run),
        _ when _random.OneIn(8) => new CloseRound(run.Id, run.Round, _now),
        _ when _random.OneIn(6) => Coming(run),
        _ => Deliver(run),
    };

    private Command Coming(Run run)
    {
        var id = _random.Pick<TrainerId>(Trainers);
        var known = run.Trainers.GetValueOrDefault(id);
        ulong incarnation = known?.Incarnation ?? 1;
        if (known is { Present: true } && _random.OneIn(4)) return new Leave(run.Id, id, incarnation, _now);
        ulong next = incarnation + (ulong)_random.Below(2);
        return new Join(run.Id, id, next, _random.OneIn(2) ? incarnation : 0, 1 + _random.Below(3), _now);
    }

    private AcceptUpdate Deliver(Run run)
    {
        int round = run.Round - (_random.OneIn(5) ? _random.Below(3) : 0);
        return Deliver(run.Id, round, _random.Pick<TrainerId>(Trainers), _random.OneIn(12) ? 1 : 0);
    }

    private AcceptUpdate Deliver(RunId run, int round, TrainerId trainer, int variant) => new(
        run, round, trainer, Scene.Blob($"{trainer} {round} {variant}"), 1 + _random.Below(9), 1 + _random.Below(99),
        SomeMetrics(), _now);

    private PublishModel Publish(Run run, int round) => new(
        run.Id, round,
        new BlobRef(Scene.Blob($"model {round} {(_random.OneIn(12) ? 1 : 0)}"), 1 + _random.Below(9)), _now)
    {
        Unscored = _random.OneIn(4) ? "no data" : "",
        Contributors = _random.OneIn(3) ? SomeOf(run.Updates.Keys) : [],
        Memory = _random.OneIn(5) ? new BlobRef(Scene.Blob($"memory {round}"), 7) : null,
        Metrics = SomeMetrics(),
    };

    private ImmutableArray<TrainerId> SomeOf(IEnumerable<TrainerId> trainers) =>
        [.. trainers.Where(_ => _random.OneIn(2)).Append(_random.Pick<TrainerId>(Trainers)).Distinct().Order()];

    private Metrics SomeMetrics() => _random.Below(4) switch
    {
        0 => Metrics.None,
        1 => Metrics.Of((Metrics.Loss, _random.Pick(0.1, double.NaN, -0.0, double.MaxValue))),
        _ => Metrics.Of(("norm", _random.Below(9)), ("a.b-c_1", 0)),
    };

    private RecordScore Score(Run run, int round) => _random.OneIn(4)
        ? new RecordScore(run.Id, round, Metrics.None, _random.Pick("", "no data"), _now)
        : new RecordScore(
            run.Id, round, Scene.Scored(_random.Below(9), _random.Below(5) / 4.0, 2000), _random.Pick("", "?"), _now);

    private OpenRun Open() => new(
        _random.Pick<RunId>(Names),
        new RunRules
        {
            Rounds = _random.OneIn(20) ? 0 : 1 + _random.Below(6), MinTrainers = 1 + _random.Below(4),
            MinResults = 1 + _random.Below(2), Deadline = TimeSpan.FromSeconds(60), Grace = TimeSpan.FromSeconds(9),
            KeepUpdateRounds = _random.Below(3), KeepModels = 1 + _random.Below(3),
            ScoreMetric = _random.Pick(Metrics.Accuracy, Metrics.Loss, "f1"),
            MaxExamples = _random.Pick(0, 0, 90), MaxShare = _random.Pick(1, 0.5), MaxMissedRounds = _random.Below(3),
            Initial = _random.Pick(InitialModel.Coordinator, InitialModel.Upload, InitialModel.Trainer),
        },
        _random.Pick("", "{}", "größe 🙂"), _now)
    {
        Parent = _random.OneIn(3)
            ? new ParentModel(_random.Pick<RunId>(Names), _random.Below(3), _random.OneIn(2))
            : null,
    };

    /// <summary>Any kind of command about any run, known or not; most make no sense.</summary>
    private Command Any(ClusterState state)
    {
        if (_random.OneIn(4)) return OfCluster();
        if (state.Runs.IsEmpty || _random.OneIn(3)) return Open();
        var run = state.Runs[_random.Below(state.Runs.Count)];
        return Mangled(_random.OneIn(5) ? run with { Id = _random.Pick<RunId>(Names) } : run);
    }

    private Command OfCluster() => _random.Below(5) switch
    {
        0 => new RaiseLevel(FeatureLevel.First, _now),
        1 => new HoldLevel(_random.OneIn(2), _now),
        2 => new NameCluster(Id(_random.Below(2)), _now),
        _ => new LimitActiveRuns(_random.OneIn(9) ? _random.Pick(0, -1, int.MaxValue) : 1 + _random.Below(4), _now),
    };

    private static ClusterId Id(int first) => ClusterId.FromBytes([(byte)(first + 1), .. new byte[15]]);

    private Command PauseOrResume(Run run) => run.Paused != _random.OneIn(5)
        ? new ResumeRun(run.Id, _now)
        : new PauseRun(run.Id, _now);

    private Command Mangled(Run run)
    {
        var id = _random.Pick<TrainerId>(Trainers);
        int round = _random.OneIn(3)
            ? _random.Pick(-1, int.MinValue, int.MaxValue, 0, Limits.Rounds) : run.Round + _random.Below(4) - 2;
        long number = _random.Pick<long>(0, 1, -1, long.MinValue, long.MaxValue, Limits.Examples, Limits.BlobBytes);
        ulong incarnation = _random.Pick<ulong>(0, 1, 2, ulong.MaxValue);
        return _random.Below(9) switch
        {
            0 => Open(),
            1 => new Join(run.Id, id, incarnation, _random.Pick<ulong>(0, 1, 2, ulong.MaxValue), number, _now),
            2 => new Leave(run.Id, id, incarnation, _now),
            3 => Deliver(run.Id, round, id, 0) with { Examples = number },
            4 => Deliver(run.Id, round, id, 0) with { Length = number },
            5 => new CloseRound(run.Id, round, number),
            6 => new PublishModel(run.Id, round, new BlobRef(Scene.Blob("?"), number), _now),
            7 => PauseOrResume(run),
            _ => Score(run, round) with { Reason = "?" },
        };
    }
}
