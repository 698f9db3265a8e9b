using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <summary>A round of a run: what an update's bytes are brought for.</summary>
public readonly record struct UpdateRound(RunId Run, int Round);

/// <content>
/// Files of updates whose round is over, written over by the next round's. A new file costs an inode, blocks and pages
/// of memory; to write over one that the kernel has at hand takes it less than half of the time, and the flush too.
/// Such files lie in parts/ as spare-N and do not outlive a restart.
/// Invariant: only what came in this process, and was never asked for but for one round, is written over, and not
/// before that round is over here. A copy that this node told anybody of for another round is therefore untouched; and
/// no fact of a round that is over can still be committed.
/// </content>
public sealed partial class BlobStore
{
    /// <summary>
    /// Larger files are deleted in time: an upload that goes on after a restart is worth more than a spare.
    /// </summary>
    public const long SpareBytesMax = 64 << 20;

    /// <summary>What blobs that came in this process were brought for; null: several rounds, or no update.</summary>
    private readonly Dictionary<BlobHash, UpdateRound?> _broughtFor = [];

    private readonly Stack<string> _spares = [];
    private int _spareNames;

    /// <summary>Blobs of which this is remembered. It must not grow for ever.</summary>
    internal int BroughtCount
    {
        get
        {
            lock (_gate) return _broughtFor.Count;
        }
    }

    /// <summary>
    /// Somebody brings a blob, or is about to be told that it is here: say so before asking whether it is. Null: it is
    /// no update.
    /// </summary>
    public void Bring(BlobHash hash, UpdateRound? round)
    {
        lock (_gate)
        {
            if (_broughtFor.TryGetValue(hash, out var before))
            {
                if (before != round) _broughtFor[hash] = null;
            }
            else if (!Exists(hash)) _broughtFor.Add(hash, round);
        }
    }

    /// <summary>
    /// Takes the files of updates for writing over whose round is over, but for those that are kept. What was taken
    /// before and found no use is deleted.
    /// </summary>
    /// <param name="over">Whether a round is over in a state that this node has applied.</param>
    /// <param name="kept">What that state still names.</param>
    public Task ReuseAsync(Func<UpdateRound, bool> over, Func<IReadOnlySet<BlobHash>> kept, CancellationToken token) =>
        _disk.RunAsync(
            () =>
            {
                DeleteSpares();
                List<BlobHash> done;
                lock (_gate) done = [.. _broughtFor.Where(b => b.Value is { } round && over(round)).Select(b => b.Key)];
                if (done.Count == 0) return 0;
                var keep = kept();
                return done.Count(hash => !keep.Contains(hash) && TryReuse(hash));
            },
            token);

    /// <summary>Deletes the files that wait to be written over.</summary>
    public void DeleteSpares()
    {
        while (TakeSpare() is { } spare) _disk.Delete(spare);
    }

    private bool TryReuse(BlobHash hash)
    {
        lock (_gate)
        {
            if (_writing.ContainsKey(hash) || _broughtFor.GetValueOrDefault(hash) is null) return false;
            if (new FileInfo(PathOf(hash)) is not { Exists: true, Length: <= SpareBytesMax }) return false;
            string spare = Path.Combine(_parts, $"{SpareName}{_spareNames++}");
            if (!_disk.TryTake(PathOf(hash), spare)) return false;
            Disown(hash);
            _spares.Push(spare);
            return true;
        }
    }

    private string? TakeSpare()
    {
        lock (_gate) return _spares.TryPop(out string? spare) ? spare : null;
    }

    /// <summary>Under the gate. An upload that was announced and never sent leaves nothing to collect.</summary>
    private void ForgetWhatNeverCame()
    {
        foreach (var hash in _broughtFor.Keys.Where(hash => !_writing.ContainsKey(hash) && !Exists(hash)).ToList())
            _broughtFor.Remove(hash);
    }

    /// <summary>The blob is not here any more, and nobody will be told that it is. Under the gate.</summary>
    private void Disown(BlobHash hash)
    {
        _touched.Remove(hash);
        _verified.Remove(hash);
        _broughtFor.Remove(hash);
    }
}
