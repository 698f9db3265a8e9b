using System.Buffers;
using System.Collections.Immutable;

namespace Quorate.Rounds;

/// <summary>
/// The whole state as bytes, for snapshots: a head (<see cref="FeatureLevel"/>), then a record for the cluster and one
/// for each run, trainer, update, model and answered request, in counted lists. The bytes carry no checksum; the file
/// around them does. Decoding checks every count, that the stage's facts fit together, and then the invariants, so a
/// state that could not have arisen is refused.
/// </summary>
public static class StateCodec
{
    /// <summary>A piece is handed out once it has this many bytes: below .NET's large objects (85,000).</summary>
    private const int PieceBytes = 64 * 1024;

    // The least that a valid one takes: a length, an id, and what may not be zero.
    private const int RunBytesMin = 64, TrainerBytesMin = 18, UpdateBytesMin = 50, ModelBytesMin = 45,
        AnsweredBytesMin = 10;

    public static byte[] Encode(ClusterState state)
    {
        var whole = new ArrayBufferWriter<byte>();
        for (var pieces = Pieces(state); pieces.MoveNext();) whole.Write(pieces.Current.Span);
        return whole.WrittenSpan.ToArray();
    }

    /// <summary>
    /// The encoded state, piece by piece: a long trail is never in memory as a whole. A piece is valid until the next
    /// one is requested.
    /// </summary>
    public static IEnumerator<ReadOnlyMemory<byte>> Pieces(ClusterState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var w = new FactWriter(state.Level, PieceBytes + PieceBytes / 4);
        w.WriteHead();
        using (w.Record())
        {
            w.Int64(state.Index);
            w.Hash(state.Chain);
            w.Cluster(state.Id);
            w.Text(state.LevelHeldBy, Limits.ActorChars);
            w.Byte((byte)(state.MaxActiveRuns - 1)); // A record's defaults are zeros.
        }
        w.Int32(state.Runs.Count);
        foreach (var run in state.Runs)
        {
            for (var items = Encode(w, run); items.MoveNext();)
            {
                if (w.Count < PieceBytes) continue;
                yield return w.Written;
                w.Clear();
            }
        }
        w.Int32(state.Answered.Count);
        foreach (var request in state.Answered)
        {
            Encode(w, request);
            if (w.Count < PieceBytes) continue;
            yield return w.Written;
            w.Clear();
        }
        yield return w.Written;
    }

    /// <exception cref="InvalidDataException">The bytes are no state that this build knows.</exception>
    public static ClusterState Decode(ReadOnlySpan<byte> bytes)
    {
        var r = new FactReader(bytes);
        int level = r.ReadFeatureLevel();
        var cluster = r.Record();
        var state = new ClusterState
        {
            Level = level, Index = cluster.Int64(), Chain = cluster.Hash(), Id = cluster.Cluster(),
            LevelHeldBy = cluster.Text(Limits.ActorChars),
            MaxActiveRuns = 1 + cluster.Byte(),
        };
        cluster.End();
        var runs = ImmutableList.CreateBuilder<Run>();
        for (int n = r.Count(Limits.Runs, RunBytesMin); n > 0; n--) runs.Add(DecodeRun(ref r));
        var answered = ImmutableList.CreateBuilder<AnsweredRequest>();
        for (int n = r.Count(Limits.AnsweredRequests, AnsweredBytesMin); n > 0; n--)
            answered.Add(DecodeAnswered(ref r));
        r.End();
        state = state with { Runs = runs.ToImmutable(), Answered = answered.ToImmutable() };
        return Invariants.FirstBroken(state) is { } broken
            ? throw FactReader.Bad($"a broken state: {broken.TrimEnd('.')}")
            : state;
    }

    /// <summary>Encodes item by item; what is written may be taken away after each. Yields their numbers.</summary>
    private static IEnumerator<int> Encode(FactWriter w, Run run)
    {
        int items = 0;
        EncodeHead(w, run);
        w.Int32(run.Trainers.Count);
        foreach (var (_, trainer) in run.Trainers)
        {
            Encode(w, trainer);
            yield return ++items;
        }
        w.Int32(run.Updates.Count);
        foreach (var (_, update) in run.Updates)
        {
            Encode(w, update);
            yield return ++items;
        }
        w.Int32(run.Trail.Packed.Count);
        foreach (byte[] models in run.Trail.Packed)
        {
            w.Counted(models);
            yield return ++items;
        }
        w.Int32(run.Trail.NotPacked.Count);
        foreach (var model in run.Trail.NotPacked)
        {
            Encode(w, model);
            yield return ++items;
        }
    }

    private static void EncodeHead(FactWriter w, Run run)
    {
        using var record = w.Record();
        w.Run(run.Id);
        w.Text(run.Plan, Limits.PlanChars);
        w.Rules(run.Rules);
        w.Int64(run.OpenedAt);
        w.Byte((byte)run.Phase);
        w.Int32(run.Round);
        w.Int64(run.RoundOpenedAt);
        w.Text(run.Reason, Limits.ReasonChars);
        w.Bool(run.Paused);
        w.Parent(run.Parent);
    }

    private static Run DecodeRun(ref FactReader r)
    {
        var run = DecodeHead(ref r, out var stage);
        var trainers = ImmutableSortedDictionary.CreateBuilder<TrainerId, Trainer>();
        for (int n = r.Count(Limits.Trainers, TrainerBytesMin); n > 0; n--)
        {
            var trainer = DecodeTrainer(ref r);
            if (!trainers.TryAdd(trainer.Id, trainer)) throw FactReader.Bad("a trainer twice");
        }
        var updates = ImmutableSortedDictionary.CreateBuilder<TrainerId, Update>();
        foreach (var update in DecodeUpdates(ref r))
            if (!updates.TryAdd(update.Trainer, update)) throw FactReader.Bad("a trainer's update twice");
        var packed = ImmutableList.CreateBuilder<byte[]>();
        for (int n = r.Count(Limits.Rounds / PackedModels.Count + 1, PackedModels.BytesMin); n > 0; n--)
            packed.Add(r.Counted().ToArray());
        var models = new List<PublishedModel>();
        string reason = "";
        for (int n = r.Count(Limits.Rounds + 1, ModelBytesMin); n > 0; n--) models.Add(DecodeModel(ref r, ref reason));
        return EnterStage(stage, updates.ToImmutable(), run with
        {
            Trainers = trainers.ToImmutable(), Present = trainers.Values.Count(t => t.Present),
            Awaited = trainers.Values.Count(run.Awaits),
            Trail = Trail.Of(packed.ToImmutable(), models, run.Rules.ScoreMetric),
        });
    }

    /// <summary>Puts a run that has its trail into the encoded stage. Refuses facts that do not belong to it.</summary>
    private static Run EnterStage(
        StageFields fields, ImmutableSortedDictionary<TrainerId, Update> updates, Run prepared)
    {
        Stage stage = fields.Phase switch
        {
            Phase.Queued => new Stage.Queued(),
            Phase.Preparing => new Stage.Preparing(),
            Phase.Waiting => new Stage.Waiting(),
            Phase.Training => new Stage.Open(fields.RoundOpenedAt, updates),
            Phase.Aggregating => new Stage.Closed(fields.RoundOpenedAt, updates),
            Phase.Scoring => new Stage.Scoring(),
            Phase.Finished => new Stage.Finished(),
            Phase.Stopped or Phase.Failed => new Stage.Aborted(
                fields.Phase == Phase.Failed, fields.Reason, fields.RoundOpenedAt, updates),
            _ => throw FactReader.Bad($"a run of the unknown phase {(byte)fields.Phase}"),
        };
        var run = prepared with { Stage = stage };
        if (run.Round != fields.Round) throw FactReader.Bad("a round that does not follow the trail");
        if (run.RoundOpenedAt != fields.RoundOpenedAt)
            throw FactReader.Bad("an opening time other than that of the newest model, where no round is open");
        if (run.Updates.Count != updates.Count) throw FactReader.Bad("updates where no round is open");
        if (run.Reason != fields.Reason) throw FactReader.Bad("a reason for the end of a run that was not aborted");
        return run;
    }

    private static Run DecodeHead(ref FactReader outer, out StageFields stage)
    {
        var r = outer.Record();
        var id = r.Run();
        string plan = r.Text(Limits.PlanChars);
        var rules = r.Rules();
        long openedAt = r.Int64();
        stage = new StageFields((Phase)r.Byte(), r.Int32(), r.Int64(), r.Text(Limits.ReasonChars));
        var run = new Run
        {
            Id = id, Plan = plan, Rules = rules, OpenedAt = openedAt, Paused = r.Bool(), Parent = r.Parent(),
        };
        r.End();
        return run;
    }

    private static void Encode(FactWriter w, AnsweredRequest request)
    {
        using var record = w.Record();
        w.Key(request.Key);
        w.Hash(request.Meaning);
        w.Byte((byte)request.Outcome.Verdict);
        w.Text(request.Outcome.Reason, Limits.ReasonChars);
    }

    private static AnsweredRequest DecodeAnswered(ref FactReader outer)
    {
        var r = outer.Record();
        var key = r.Key();
        var meaning = r.Hash();
        var verdict = (Verdict)r.Byte();
        if (verdict > Verdict.Rejected) throw FactReader.Bad($"the unknown verdict {(byte)verdict}");
        var request = new AnsweredRequest(key, meaning, new Outcome(verdict, r.Text(Limits.ReasonChars)));
        r.End();
        return request;
    }

    private static void Encode(FactWriter w, Trainer trainer)
    {
        using var record = w.Record();
        w.Trainer(trainer.Id);
        w.UInt64(trainer.Incarnation);
        w.Int64(trainer.Examples);
        w.Bool(trainer.Present);
        w.Int64(trainer.Since);
        w.Int32(trainer.Missed);
    }

    private static Trainer DecodeTrainer(ref FactReader outer)
    {
        var r = outer.Record();
        var trainer = new Trainer(r.Trainer(), r.UInt64(), r.Int64(), r.Bool(), r.Int64()) { Missed = r.Int32() };
        r.End();
        return trainer;
    }

    private static void Encode(FactWriter w, Update update)
    {
        using var record = w.Record();
        w.Trainer(update.Trainer);
        w.Hash(update.Blob);
        w.Int64(update.Length);
        w.Int64(update.Examples);
        w.Int64(update.At);
        Metrics.Write(w, update.Metrics);
    }

    private static ImmutableArray<Update> DecodeUpdates(ref FactReader outer)
    {
        int count = outer.Count(Limits.Trainers, UpdateBytesMin);
        var updates = ImmutableArray.CreateBuilder<Update>(count);
        for (; count > 0; count--)
        {
            var r = outer.Record();
            var id = r.Trainer();
            var blob = r.Hash();
            long length = r.Int64(), examples = r.Int64(), at = r.Int64();
            updates.Add(new Update(id, blob, length, examples, Metrics.Read(ref r), at));
            r.End();
        }
        return updates.MoveToImmutable();
    }

    private static void Encode(FactWriter w, PublishedModel model)
    {
        using (w.Record())
        {
            w.Int32(model.Round);
            w.Hash(model.Blob);
            w.Int64(model.Length);
            w.Int32(model.Contributors);
            w.Int64(model.Examples);
            w.Int64(model.OpenedAt);
            w.Int64(model.PublishedAt);
            w.Text(model.Unscored, Limits.ReasonChars);
            Metrics.Write(w, model.Score);
            Metrics.Write(w, model.Metrics);
            w.Memory(model.Memory);
            w.Contributors(model.Counted);
        }
        w.Int32(model.Updates.Length);
        foreach (var update in model.Updates) Encode(w, update);
    }

    /// <param name="reason">The previous model's: one text for all that say the same.</param>
    private static PublishedModel DecodeModel(ref FactReader outer, ref string reason)
    {
        var r = outer.Record();
        int round = r.Int32();
        var blob = r.Hash();
        long length = r.Int64();
        int contributors = r.Int32();
        long examples = r.Int64(), openedAt = r.Int64(), publishedAt = r.Int64();
        string unscored = r.Text(Limits.ReasonChars);
        if (unscored != reason) reason = unscored;
        var model = new PublishedModel(round, blob, length, contributors, examples, [], openedAt, publishedAt)
        {
            Unscored = reason, Score = Metrics.Read(ref r), Metrics = Metrics.Read(ref r), Memory = r.Memory(),
            Counted = r.Contributors(),
        };
        r.End();
        return model with { Updates = DecodeUpdates(ref outer) };
    }

    /// <summary>What a run's head says about its stage; its updates come later in the bytes.</summary>
    private readonly record struct StageFields(Phase Phase, int Round, long RoundOpenedAt, string Reason);
}
