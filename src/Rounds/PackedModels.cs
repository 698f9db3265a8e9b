using System.Buffers;

namespace Quorate.Rounds;

/// <summary>
/// A stretch of the trail in few bytes, some 42 a model where it is a hash and some 62 where it has a score too: each
/// model is written as its difference from the one before it. Snapshots hold these bytes: the format does not change.
/// </summary>
internal static class PackedModels
{
    /// <summary>Models in a stretch. One is found by unpacking all: 64 take some microseconds.</summary>
    public const int Count = 64;

    /// <summary>The least a stretch takes: a hash, five differences, two flags for each model.</summary>
    public const int BytesMin = Count * (BlobHash.Size + 5 + 2);

    private static readonly PublishedModel _before = new(-1, default, 0, 0, 0, [], 0, 0, null, "");

    public static byte[] Pack(IEnumerable<PublishedModel> models)
    {
        var written = new ArrayBufferWriter<byte>(2 * BytesMin);
        var w = new FactWriter(written);
        var before = _before;
        foreach (var model in models)
        {
            w.Hash(model.Blob);
            w.Small(model.Length - before.Length);
            w.Small((long)model.Contributors - before.Contributors);
            w.Small(model.Examples - before.Examples);
            w.Small(model.OpenedAt - before.PublishedAt);
            w.Small(model.PublishedAt - model.OpenedAt);
            w.Score(model.Score);
            w.Bool(model.Unscored == before.Unscored);
            if (model.Unscored != before.Unscored) w.Text(model.Unscored, Limits.ReasonChars);
            before = model;
        }
        return written.WrittenSpan.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are not <see cref="Count"/> packed models.</exception>
    public static PublishedModel[] Unpack(ReadOnlySpan<byte> bytes, int firstRound)
    {
        var r = new FactReader(bytes);
        var models = new PublishedModel[Count];
        var before = _before;
        for (int i = 0; i < Count; i++)
        {
            var blob = r.Hash();
            long length = before.Length + r.Small();
            int contributors = (int)(before.Contributors + r.Small());
            long examples = before.Examples + r.Small(), openedAt = before.PublishedAt + r.Small();
            models[i] = before = new PublishedModel(
                firstRound + i, blob, length, contributors, examples, [], openedAt, openedAt + r.Small(), r.Score(),
                r.Bool() ? before.Unscored : r.Text(Limits.ReasonChars));
        }
        r.End();
        return models;
    }
}
