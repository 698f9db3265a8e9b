namespace Quorate.Rounds;

/// <summary>
/// A stretch of the trail in few bytes, about 44 a model: each model is a record of its differences from the one
/// before. Snapshots contain these bytes.
/// </summary>
internal static class PackedModels
{
    /// <summary>Models in a stretch. Access to one unpacks all: 64 take a few microseconds.</summary>
    public const int Count = 64;

    /// <summary>The least a stretch takes: a length, a hash and a duration for each model.</summary>
    public const int BytesMin = Count * (sizeof(int) + BlobHash.Size);

    private static readonly PublishedModel _before = new(-1, default, 0, 0, 0, [], 0, 0);

    public static byte[] Pack(IEnumerable<PublishedModel> models)
    {
        // Fields of higher levels are zero, and therefore left out, until the cluster's level rises.
        var w = new FactWriter(FeatureLevel.First);
        var before = _before;
        Metrics score = Metrics.None, metrics = Metrics.None;
        foreach (var model in models)
        {
            using var record = w.Record();
            w.Hash(model.Blob);
            w.Small(model.Length - before.Length);
            w.Small((long)model.Contributors - before.Contributors);
            w.Small(model.Examples - before.Examples);
            w.Small(model.OpenedAt - before.PublishedAt);
            w.Small(model.PublishedAt - model.OpenedAt);
            w.Bool(model.Unscored != before.Unscored);
            if (model.Unscored != before.Unscored) w.Text(model.Unscored, Limits.ReasonChars);
            Write(w, model.Score, ref score);
            Write(w, model.Metrics, ref metrics);
            w.Memory(model.Memory);
            before = model;
        }
        return w.Written.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are not <see cref="Count"/> packed models.</exception>
    public static PublishedModel[] Unpack(ReadOnlySpan<byte> bytes, int firstRound)
    {
        var all = new FactReader(bytes);
        var models = new PublishedModel[Count];
        var before = _before;
        Metrics score = Metrics.None, metrics = Metrics.None;
        for (int i = 0; i < Count; i++)
        {
            var r = all.Record();
            var model = Unpack(ref r, firstRound + i, before);
            models[i] = before = model with
            {
                Score = Read(ref r, ref score), Metrics = Read(ref r, ref metrics), Memory = r.Memory(),
            };
            r.End();
        }
        all.End();
        return models;
    }

    private static PublishedModel Unpack(ref FactReader r, int round, PublishedModel before)
    {
        var blob = r.Hash();
        long length = before.Length + r.Small();
        int contributors = (int)(before.Contributors + r.Small());
        long examples = before.Examples + r.Small(), openedAt = before.PublishedAt + r.Small();
        return new PublishedModel(round, blob, length, contributors, examples, [], openedAt, openedAt + r.Small())
        {
            Unscored = r.Bool() ? r.Text(Limits.ReasonChars) : before.Unscored,
        };
    }

    /// <summary>Writes the names only if they are not those of the last metrics in the stretch.</summary>
    private static void Write(FactWriter w, Metrics metrics, ref Metrics last)
    {
        bool sameNames = metrics.Count > 0 && metrics.HasNamesOf(last);
        w.Byte(metrics.Count == 0 ? (byte)0 : sameNames ? (byte)1 : (byte)2);
        if (metrics.Count == 0) return;
        if (sameNames) Metrics.WriteValues(w, metrics);
        else Metrics.Write(w, metrics);
        last = metrics;
    }

    private static Metrics Read(ref FactReader r, ref Metrics last)
    {
        byte kind = r.Byte();
        if (kind == 0) return Metrics.None;
        return last = kind switch
        {
            1 => Metrics.ReadValues(ref r, last),
            2 => Metrics.Read(ref r),
            _ => throw FactReader.Bad($"packed metrics of kind {kind}"),
        };
    }
}
