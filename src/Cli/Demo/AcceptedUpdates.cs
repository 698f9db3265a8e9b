using System.Collections.Immutable;
using Google.Protobuf;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;

namespace Quorate.Cli.Demo;

/// <summary>Every update that any node has shown as accepted. None of them may be lost.</summary>
internal sealed class AcceptedUpdates
{
    private readonly Dictionary<(int Round, string Trainer), UpdateStatus> _seen = [];

    /// <summary>
    /// Adds the updates of the open round and of the trail, and returns those that are new.
    /// </summary>
    public IReadOnlyList<UpdateStatus> Observe(RunStatus run)
    {
        var fresh = new List<UpdateStatus>();
        foreach (var update in run.Updates)
            if (_seen.TryAdd((run.Round, update.Trainer), update)) fresh.Add(update);
        foreach (var model in run.Trail)
            foreach (var update in model.Updates)
                if (_seen.TryAdd((model.Round, update.Trainer), update)) fresh.Add(update);
        return fresh;
    }

    /// <summary>Known updates of a round.</summary>
    public int Count(int round) => _seen.Keys.Count(key => key.Round == round);

    /// <summary>Updates of a round that were proposed up to a moment in Unix milliseconds.</summary>
    public int CountUntil(int round, long moment) => _seen.Count(u => u.Key.Round == round && u.Value.At <= moment);

    /// <summary>
    /// One sentence for each update that is missing from an ended run. Rounds whose updates the trail no longer lists
    /// are checked by their number.
    /// </summary>
    public ImmutableArray<string> LostFrom(RunStatus ended)
    {
        var lost = ImmutableArray.CreateBuilder<string>();
        foreach (var model in ended.Trail.Where(m => m.Round > 0))
        {
            int seen = Count(model.Round);
            if (model.Contributors < seen)
                lost.Add($"Round {model.Round} averaged {PlainText.Count(model.Contributors, "update")}, "
                    + $"but {seen} had been accepted.");
            foreach (var update in model.Updates)
            {
                if (_seen.TryGetValue((model.Round, update.Trainer), out var was) && was.Blob != update.Blob)
                    lost.Add($"Round {model.Round}: {update.Trainer}'s update is {Short(update.Blob)}, but "
                        + $"{Short(was.Blob)} had been accepted.");
            }
        }
        return lost.ToImmutable();
    }

    private static string Short(ByteString blob) => Convert.ToHexStringLower(blob.Span)[..12];
}
