using System.Collections;
using System.Collections.Immutable;

namespace Quorate.Rounds;

/// <summary>
/// The model trail of a run: the models of rounds 0 … n in order. Immutable: a change gives another trail.
/// <para>
/// The newest models are kept as they are. Older ones are packed, <see cref="PackedModels.Count"/> at a time, into a
/// quarter of the memory and unpacked at each access: a run over a weekend has a hundred thousand models, and only
/// people look at old ones.
/// </para>
/// <para>
/// Invariant: whether a model is packed follows from the trail alone, so replicas agree on it. A packed model
/// lists no updates and, except for the initial one, is judged.
/// </para>
/// </summary>
public sealed class Trail : IReadOnlyList<PublishedModel>
{
    public static readonly Trail Empty = RankedBy(RunRules.DefaultScoreMetric);

    private readonly string _metric; // the score metric that decides Best
    private readonly int _unjudged; // no model of rounds 1 to this - 1 awaits its score

    private Trail(
        string metric, ImmutableList<byte[]> packed, ImmutableList<PublishedModel> newest, int unjudged,
        PublishedModel? best)
    {
        _metric = metric;
        Packed = packed;
        NotPacked = newest;
        _unjudged = unjudged;
        Best = best;
    }

    public int Count => PackedCount + NotPacked.Count;

    /// <summary>
    /// The model with the best score, the earliest among equals, without its list of updates; null if no model has the
    /// run's score metric.
    /// </summary>
    public PublishedModel? Best { get; }

    /// <summary>The oldest model after the initial one that is neither scored nor unscorable, or null.</summary>
    public PublishedModel? FirstUnjudged => _unjudged < Count ? this[_unjudged] : null;

    /// <summary>The packed models, as <see cref="PackedModels"/> wrote them.</summary>
    internal ImmutableList<byte[]> Packed { get; }

    internal ImmutableList<PublishedModel> NotPacked { get; }

    private int PackedCount => Packed.Count * PackedModels.Count;

    public PublishedModel this[int round] => round >= PackedCount
        ? NotPacked[round - PackedCount]
        : Unpacked(round / PackedModels.Count)[round % PackedModels.Count];

    /// <summary>An empty trail whose best model is the one with the best value of <paramref name="metric"/>.</summary>
    public static Trail RankedBy(string metric) => new(metric, [], [], unjudged: 1, best: null);

    public static Trail Of(IEnumerable<PublishedModel> models, string metric = RunRules.DefaultScoreMetric) =>
        Of([], models, metric);

    /// <exception cref="InvalidDataException">A packed part is invalid or breaks the invariant.</exception>
    internal static Trail Of(
        ImmutableList<byte[]> packed, IEnumerable<PublishedModel> newest, string metric)
    {
        var trail = new Trail(metric, packed, [], unjudged: Math.Max(1, packed.Count * PackedModels.Count), best: null);
        PublishedModel? best = null;
        foreach (var model in trail)
        {
            if (model is { Round: > 0, Judged: false }) throw FactReader.Bad("a packed model that awaits its score");
            best = trail.Better(best, model);
        }
        trail = new Trail(metric, packed, [], trail._unjudged, best);
        foreach (var model in newest) trail = trail.Add(model);
        return trail;
    }

    public Trail Add(PublishedModel model) => Changed(NotPacked.Add(model), _unjudged, Better(Best, model));

    /// <summary>The trail with another model for <paramref name="round"/>.</summary>
    public Trail SetItem(int round, PublishedModel model)
    {
        // A late score of a packed model, or a new score of the best one, is rare enough to rebuild the trail.
        if (round < PackedCount || (round == Best?.Round && !model.Score.Equals(Best.Score)))
            return Of(this.Select((old, at) => at == round ? model : old), _metric);
        int unjudged = model.Judged ? _unjudged : Math.Min(_unjudged, Math.Max(1, round));
        return Changed(NotPacked.SetItem(round - PackedCount, model), unjudged, Better(Best, model));
    }

    /// <summary>
    /// Only the newest rounds list their updates: <paramref name="keep"/> of them, and no more than
    /// <see cref="Limits.ListedUpdates"/> updates in all. The newest, where any is kept, always does.
    /// </summary>
    public Trail ForgetOldUpdates(int keep)
    {
        var trail = this;
        int listed = 0, oldest = Math.Max(0, Count - 1 - keep);
        for (int at = Count - 1; at >= oldest; at--)
        {
            listed += trail[at].Updates.Length;
            bool kept = at >= Count - keep && (listed <= Limits.ListedUpdates || at == Count - 1);
            if (kept || trail[at].Updates.IsEmpty) continue;
            trail = trail.SetItem(at, trail[at] with { Updates = [], Counted = [] });
        }
        return trail;
    }

    /// <summary>
    /// The newest <paramref name="count"/> models, or all if there are fewer, in the order of rounds.
    /// </summary>
    public IEnumerable<PublishedModel> Newest(int count)
    {
        int first = Math.Max(0, Count - count);
        int part = Math.Min(first / PackedModels.Count, Packed.Count);
        return Enumerable.Range(part, Packed.Count - part).SelectMany(Unpacked).Where(model => model.Round >= first)
            .Concat(NotPacked.Skip(first - PackedCount));
    }

    public IEnumerator<PublishedModel> GetEnumerator() => Newest(Count).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private PublishedModel[] Unpacked(int part) => PackedModels.Unpack(Packed[part], part * PackedModels.Count);

    private PublishedModel? Better(PublishedModel? best, PublishedModel model)
    {
        double score = model.Score[_metric];
        if (double.IsNaN(score)) return best;
        int order = best is null ? 1 : score.CompareTo(best.Score[_metric]);
        if (best is not null && _metric.EndsWith(Metrics.Loss, StringComparison.Ordinal)) order = -order;
        bool better = order > 0 || (order == 0 && model.Round < best!.Round);
        return better ? model with { Updates = [], Counted = [] } : best;
    }

    private Trail Changed(ImmutableList<PublishedModel> newest, int unjudged, PublishedModel? best)
    {
        while (unjudged - PackedCount is var at && at < newest.Count && newest[at].Judged) unjudged++;
        var packed = Packed;
        // At least one stretch stays unpacked: every round reads the newest models.
        while (newest.Count >= 2 * PackedModels.Count && unjudged >= (packed.Count + 1) * PackedModels.Count
            && newest[PackedModels.Count - 1].Updates.IsEmpty
            && newest.Take(PackedModels.Count).All(model => model.Updates.IsEmpty))
        {
            packed = packed.Add(PackedModels.Pack(newest.Take(PackedModels.Count)));
            newest = newest.RemoveRange(0, PackedModels.Count);
        }
        return new Trail(_metric, packed, newest, unjudged, best);
    }
}
