using System.Buffers;
using System.Collections.Immutable;

namespace Quorate.Rounds;

/// <summary>
/// The whole state as bytes, for snapshots. The bytes carry no checksum: the file around them does.
/// Decoding checks every count, then the invariants, so that a state which could not have arisen is refused.
/// Version 2 has packed models before the others of a trail; a state without any is written as version 1.
/// </summary>
public static class StateCodec
{
    private const byte NotPacking = 1, Packing = 2;

    /// <summary>A piece is handed out once it has this many bytes: below .NET's large objects (85,000).</summary>
    private const int PieceBytes = 64 * 1024;

    public static byte[] Encode(ClusterState state)
    {
        var whole = new ArrayBufferWriter<byte>();
        for (var pieces = Pieces(state); pieces.MoveNext();) whole.Write(pieces.Current.Span);
        return whole.WrittenSpan.ToArray();
    }

    /// <summary>
    /// The encoded state, piece by piece: a long trail is never in memory as a whole. A piece is valid until the next
    /// one is asked for.
    /// </summary>
    public static IEnumerator<ReadOnlyMemory<byte>> Pieces(ClusterState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var piece = new ArrayBufferWriter<byte>(PieceBytes + PieceBytes / 4);
        var w = new FactWriter(piece);
        byte version = state.Runs.Any(run => run.Trail.Packed.Count > 0) ? Packing : NotPacking;
        w.Byte(version);
        w.Int64(state.Index);
        w.Hash(state.Chain);
        w.Int32(state.Runs.Count);
        foreach (var run in state.Runs)
        {
            for (var items = Encode(w, run, version); items.MoveNext();)
            {
                if (piece.WrittenCount < PieceBytes) continue;
                yield return piece.WrittenMemory;
                piece.ResetWrittenCount();
            }
        }
        yield return piece.WrittenMemory;
    }

    /// <exception cref="InvalidDataException">The bytes are no state that this version knows.</exception>
    public static ClusterState Decode(ReadOnlySpan<byte> bytes)
    {
        var r = new FactReader(bytes);
        byte version = r.Byte();
        if (version is not (NotPacking or Packing))
            throw FactReader.Bad($"version {version}; this program knows {NotPacking} and {Packing}");
        long index = r.Int64();
        var chain = r.Hash();
        var runs = ImmutableList.CreateBuilder<Run>();
        for (int n = r.Count(Limits.Runs, itemBytesMin: 64); n > 0; n--) runs.Add(DecodeRun(ref r, version));
        r.End();
        var state = new ClusterState { Index = index, Chain = chain, Runs = runs.ToImmutable() };
        return Invariants.FirstBroken(state) is { } broken
            ? throw FactReader.Bad($"a broken state: {broken.TrimEnd('.')}")
            : state;
    }

    /// <summary>Encodes item by item; what is written may be taken away after each. Yields their numbers.</summary>
    private static IEnumerator<int> Encode(FactWriter w, Run run, byte version)
    {
        int items = 0;
        w.Run(run.Id);
        w.Rules(run.Rules);
        w.Text(run.Plan, Limits.PlanChars);
        w.Int64(run.OpenedAt);
        w.Byte((byte)run.Phase);
        w.Int32(run.Round);
        w.Int64(run.RoundOpenedAt);
        w.Text(run.Reason, Limits.ReasonChars);
        w.Int32(run.Trainers.Count);
        foreach (var (_, trainer) in run.Trainers)
        {
            w.Trainer(trainer.Id);
            w.UInt64(trainer.Incarnation);
            w.Int64(trainer.Examples);
            w.Bool(trainer.Present);
            w.Int64(trainer.Since);
            yield return ++items;
        }
        w.Int32(run.Updates.Count);
        foreach (var (_, update) in run.Updates)
        {
            Encode(w, update);
            yield return ++items;
        }
        if (version == Packing) w.Int32(run.Trail.Packed.Count);
        foreach (byte[] models in run.Trail.Packed)
        {
            w.Int32(models.Length);
            w.Raw(models);
            yield return ++items;
        }
        w.Int32(run.Trail.NotPacked.Count);
        foreach (var model in run.Trail.NotPacked)
        {
            Encode(w, model);
            yield return ++items;
        }
    }

    private static Run DecodeRun(ref FactReader r, byte version)
    {
        var run = new Run
        {
            Id = r.Run(), Rules = r.Rules(), Plan = r.Text(Limits.PlanChars), OpenedAt = r.Int64(),
            Phase = (Phase)r.Byte(), Round = r.Int32(), RoundOpenedAt = r.Int64(), Reason = r.Text(Limits.ReasonChars),
        };
        var trainers = ImmutableSortedDictionary.CreateBuilder<TrainerId, Trainer>();
        for (int n = r.Count(Limits.Trainers, itemBytesMin: 30); n > 0; n--)
        {
            var trainer = new Trainer(r.Trainer(), r.UInt64(), r.Int64(), r.Bool(), r.Int64());
            if (!trainers.TryAdd(trainer.Id, trainer)) throw FactReader.Bad("a trainer twice");
        }
        var updates = ImmutableSortedDictionary.CreateBuilder<TrainerId, Update>();
        foreach (var update in DecodeUpdates(ref r))
            if (!updates.TryAdd(update.Trainer, update)) throw FactReader.Bad("a trainer's update twice");
        var packed = ImmutableList.CreateBuilder<byte[]>();
        if (version == Packing)
            for (int n = r.Count(Limits.Rounds / PackedModels.Count + 1, PackedModels.BytesMin); n > 0; n--)
                packed.Add(r.Raw(r.Count(int.MaxValue, itemBytesMin: 1)).ToArray());
        var models = new List<PublishedModel>();
        string reason = "";
        for (int n = r.Count(Limits.Rounds + 1, itemBytesMin: 64); n > 0; n--)
            models.Add(DecodeModel(ref r, ref reason));
        return run with
        {
            Trainers = trainers.ToImmutable(), Present = trainers.Values.Count(t => t.Present),
            Updates = updates.ToImmutable(), Trail = Trail.Of(packed.ToImmutable(), models),
        };
    }

    private static void Encode(FactWriter w, Update update)
    {
        w.Trainer(update.Trainer);
        w.Hash(update.Blob);
        w.Int64(update.Length);
        w.Int64(update.Examples);
        w.Double(update.Loss);
        w.Int64(update.At);
    }

    private static ImmutableArray<Update> DecodeUpdates(ref FactReader r)
    {
        int count = r.Count(Limits.Trainers, itemBytesMin: 69);
        var updates = ImmutableArray.CreateBuilder<Update>(count);
        for (; count > 0; count--)
            updates.Add(new Update(r.Trainer(), r.Hash(), r.Int64(), r.Int64(), r.Double(), r.Int64()));
        return updates.MoveToImmutable();
    }

    private static void Encode(FactWriter w, PublishedModel model)
    {
        w.Int32(model.Round);
        w.Hash(model.Blob);
        w.Int64(model.Length);
        w.Int32(model.Contributors);
        w.Int64(model.Examples);
        w.Int64(model.OpenedAt);
        w.Int64(model.PublishedAt);
        w.Score(model.Score);
        w.Text(model.Unscored, Limits.ReasonChars);
        w.Int32(model.Updates.Length);
        foreach (var update in model.Updates) Encode(w, update);
    }

    /// <param name="reason">The previous model's: one text for all that say the same.</param>
    private static PublishedModel DecodeModel(ref FactReader r, ref string reason)
    {
        int round = r.Int32();
        var blob = r.Hash();
        long length = r.Int64();
        int contributors = r.Int32();
        long examples = r.Int64(), openedAt = r.Int64(), publishedAt = r.Int64();
        var score = r.Score();
        string unscored = r.Text(Limits.ReasonChars);
        if (unscored != reason) reason = unscored;
        return new PublishedModel(
            round, blob, length, contributors, examples, DecodeUpdates(ref r), openedAt, publishedAt, score, reason);
    }
}
