using System.Collections.Immutable;

namespace Quorate.Rounds;

/// <summary>Groups of fields that occur in commands and in states.</summary>
internal static class SharedFields
{
    public static void Rules(this FactWriter w, RunRules rules)
    {
        using var record = w.Record();
        w.Int32(rules.Rounds);
        w.Int32(rules.MinTrainers);
        w.Int32(rules.MinResults);
        w.Span(rules.Deadline);
        w.Span(rules.Grace);
        w.Int32(rules.KeepUpdateRounds);
        w.Int32(rules.KeepModels);
        w.Text(rules.ScoreMetric == RunRules.DefaultScoreMetric ? "" : rules.ScoreMetric, Metrics.NameCharsMax);
        w.Int64(rules.MaxExamples);
        w.Double(rules.MaxShare == 1 ? 0 : rules.MaxShare);
        w.Int32(rules.MaxMissedRounds);
        w.Byte((byte)rules.Initial);
    }

    public static RunRules Rules(this ref FactReader outer)
    {
        var r = outer.Record();
        var rules = new RunRules
        {
            Rounds = r.Int32(), MinTrainers = r.Int32(), MinResults = r.Int32(), Deadline = r.Span(), Grace = r.Span(),
            KeepUpdateRounds = r.Int32(), KeepModels = r.Int32(),
        };
        string metric = r.Text(Metrics.NameCharsMax);
        if (metric == RunRules.DefaultScoreMetric) throw FactReader.Bad("the default score metric by its name");
        long maxExamples = r.Int64();
        double maxShare = r.Double();
        if (maxShare == 1 || (maxShare == 0 && double.IsNegative(maxShare))) throw FactReader.Bad("the default share");
        rules = rules with
        {
            ScoreMetric = metric.Length == 0 ? RunRules.DefaultScoreMetric : metric, MaxExamples = maxExamples,
            MaxShare = maxShare == 0 ? 1 : maxShare, MaxMissedRounds = r.Int32(), Initial = (InitialModel)r.Byte(),
        };
        r.End();
        return rules;
    }

    /// <summary>Absent: an empty text.</summary>
    public static void Key(this FactWriter w, RequestKey key) => w.Text(key.ToString(), RequestKey.MaxLength);

    public static RequestKey Key(this ref FactReader r) => r.Text(RequestKey.MaxLength) switch
    {
        "" => default,
        var text => RequestKey.TryParse(text, out var key) ? key : throw FactReader.Bad("an invalid request key"),
    };

    /// <summary>Absent: an empty record.</summary>
    public static void Parent(this FactWriter w, ParentModel? parent)
    {
        using var record = w.Record();
        if (parent is not { } model) return;
        w.Run(model.Run);
        w.Int32(model.Round);
        w.Bool(model.FreshMemory);
    }

    public static ParentModel? Parent(this ref FactReader outer)
    {
        var r = outer.Record();
        ParentModel? parent = r.IsEmpty ? null : new ParentModel(r.Run(), r.Int32(), r.Bool());
        r.End();
        return parent;
    }

    public static void Blob(this FactWriter w, BlobRef blob)
    {
        w.Hash(blob.Hash);
        w.Int64(blob.Length);
    }

    public static BlobRef Blob(this ref FactReader r) => new(r.Hash(), r.Int64());

    /// <summary>Absent: zeros.</summary>
    public static void Memory(this FactWriter w, BlobRef? memory)
    {
        if (memory is { IsInRange: false })
            throw new ArgumentException($"A server memory has 1 to {Limits.BlobBytes} bytes.");
        w.Blob(memory ?? default);
    }

    public static BlobRef? Memory(this ref FactReader r) => r.Blob() switch
    {
        var none when none == default => null,
        { IsInRange: true } memory => memory,
        { Length: var length } => throw FactReader.Bad($"a server memory of {length} bytes"),
    };

    public static void Contributors(this FactWriter w, ImmutableArray<TrainerId> contributors)
    {
        if (contributors.Length > Limits.Contributors || !IsSorted(contributors))
            throw new ArgumentException("Contributors are not in order, or too many.");
        w.Int32(contributors.Length);
        foreach (var trainer in contributors) w.Trainer(trainer);
    }

    public static ImmutableArray<TrainerId> Contributors(this ref FactReader r)
    {
        int count = r.Count(Limits.Contributors, itemBytesMin: 5);
        if (count == 0) return [];
        var contributors = ImmutableArray.CreateBuilder<TrainerId>(count);
        for (; count > 0; count--) contributors.Add(r.Trainer());
        return contributors.MoveToImmutable() is var all && IsSorted(all)
            ? all
            : throw FactReader.Bad("contributors out of order");
    }

    public static void Cluster(this FactWriter w, ClusterId id)
    {
        Span<byte> bytes = stackalloc byte[ClusterId.Size];
        id.CopyTo(bytes);
        foreach (byte b in bytes) w.Byte(b);
    }

    public static ClusterId Cluster(this ref FactReader r)
    {
        Span<byte> bytes = stackalloc byte[ClusterId.Size];
        foreach (ref byte b in bytes) b = r.Byte();
        return ClusterId.FromBytes(bytes);
    }

    private static bool IsSorted(ImmutableArray<TrainerId> trainers)
    {
        for (int i = 1; i < trainers.Length; i++)
            if (trainers[i - 1] >= trainers[i]) return false;
        return true;
    }
}
