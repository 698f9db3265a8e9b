using System.Collections.Immutable;
using Google.Protobuf;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Demo;

/// <summary>Every update that any node was ever seen to have accepted: what must never be lost.</summary>
internal sealed class AcceptedUpdates
{
    private readonly Dictionary<(int Round, string Trainer), UpdateStatus> _seen = [];

    /// <summary>
    /// Notes what a reply shows, of the open round and of the trail, and returns what was not known before.
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

    /// <summary>Updates seen of a round.</summary>
    public int Count(int round) => _seen.Keys.Count(key => key.Round == round);

    /// <summary>Updates of a round that were proposed up to a moment in Unix milliseconds.</summary>
    public int CountUntil(int round, long moment) => _seen.Count(u => u.Key.Round == round && u.Value.At <= moment);

    /// <summary>
    /// What is missing from a run that has ended, one sentence each. Rounds whose updates the trail no longer lists are
    /// checked by number.
    /// </summary>
    public ImmutableArray<string> LostFrom(RunStatus ended)
    {
        var lost = ImmutableArray.CreateBuilder<string>();
        foreach (var model in ended.Trail.Where(m => m.Round > 0))
        {
            int seen = Count(model.Round);
            if (model.Contributors < seen)
                lost.Add($"Round {model.Round} averaged {model.Contributors} updates, but {seen} had been accepted.");
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
