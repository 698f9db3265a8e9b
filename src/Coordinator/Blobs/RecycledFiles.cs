using System.Diagnostics;
using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>A round of a run. An update arrives for exactly one of them.</summary>
public readonly record struct UpdateRound(RunId Run, int Round);

/// <summary>
/// Files of updates whose round has ended, which the next round's updates overwrite. A new file costs an inode, blocks
/// and memory pages; overwriting one that the kernel has in its cache takes less than half of the time, and so does
/// flushing it. The files are parts/spare-N and do not outlive a restart.
/// <para>
/// Invariant: A file is recycled only if it arrived in this process, for exactly one round, and that round has ended
/// here. So a copy that this node reported for another round is never overwritten, and no fact of a round that has
/// ended can still be committed.
/// </para>
/// </summary>
/// <param name="exists">Whether the store has a file of this name.</param>
internal sealed class RecycledFiles(string directory, Func<BlobHash, bool> exists)
{
    public const string NamePrefix = "spare-";

    private readonly Lock _gate = new();

    /// <summary>What the blobs that arrived in this process arrived for.</summary>
    private readonly Dictionary<BlobHash, Purpose> _purposes = [];

    private readonly Stack<string> _files = [];
    private int _names;

    /// <summary>Blobs whose purpose is remembered. The number must stay bounded.</summary>
    public int PurposeCount
    {
        get
        {
            lock (_gate) return _purposes.Count;
        }
    }

    /// <summary>
    /// Records what a blob arrives for, before anyone asks whether it is here. Null: not an update.
    /// </summary>
    public void RecordPurpose(BlobHash hash, UpdateRound? round)
    {
        lock (_gate)
        {
            if (_purposes.TryGetValue(hash, out var purpose)) _purposes[hash] = purpose.And(round);
            else if (!exists(hash)) _purposes.Add(hash, new Purpose(round));
        }
    }

    /// <summary>The blobs that arrived for a single round, which has ended.</summary>
    public IReadOnlyList<BlobHash> Ended(Func<UpdateRound, bool> hasEnded)
    {
        lock (_gate) return [.. _purposes.Where(p => p.Value.OnlyRound is { } r && hasEnded(r)).Select(p => p.Key)];
    }

    /// <summary>Takes a blob's file for reuse. False: it may not be recycled, or somebody reads it.</summary>
    /// <param name="hasEnded">Whether a round has ended in a state that this node has applied.</param>
    /// <param name="take">Renames the blob's file to the path that it is given, or returns false.</param>
    public bool TryRecycle(BlobHash hash, Func<UpdateRound, bool> hasEnded, Func<string, bool> take)
    {
        lock (_gate)
        {
            // Since the caller listed it, the blob may have arrived for another round as well.
            if (!_purposes.TryGetValue(hash, out var purpose) || purpose.OnlyRound is not { } round) return false;
            Trace.Assert(hasEnded(round), $"Blob {hash.Short} arrived for round {round}, which has not ended.");
            string file = Path.Combine(directory, $"{NamePrefix}{_names++}");
            if (!take(file)) return false;
            _purposes.Remove(hash);
            _files.Push(file);
            return true;
        }
    }

    public bool TryTake(out string file)
    {
        lock (_gate)
        {
            bool taken = _files.TryPop(out string? spare);
            file = spare ?? "";
            return taken;
        }
    }

    /// <summary>The blob was deleted.</summary>
    public void Forget(BlobHash hash)
    {
        lock (_gate) _purposes.Remove(hash);
    }

    /// <summary>Forgets uploads that were announced and never arrived.</summary>
    /// <param name="isArriving">Whether a blob is being written.</param>
    public void ForgetMissing(Func<BlobHash, bool> isArriving)
    {
        lock (_gate)
        {
            foreach (var hash in _purposes.Keys.Where(hash => !isArriving(hash) && !exists(hash)).ToList())
                _purposes.Remove(hash);
        }
    }

    /// <param name="OnlyRound">Null: the blob arrived for several rounds, or not as an update.</param>
    private readonly record struct Purpose(UpdateRound? OnlyRound)
    {
        public Purpose And(UpdateRound? other) => other == OnlyRound ? this : new Purpose(null);
    }
}
