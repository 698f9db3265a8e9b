using Quorate.Rounds;

namespace Quorate.Coordinator.Blobs;

/// <content>What may be deleted: what nobody asked for in a while, by this process's own life.</content>
public sealed partial class BlobStore
{
    /// <summary>
    /// Whole steps that a blob is kept after it was last asked for: see <see cref="Step"/>.
    /// </summary>
    public const int KeptSteps = 4;

    /// <summary>The step in which a blob was last asked for, or its bytes last came.</summary>
    private readonly Dictionary<BlobHash, int> _touched = [];

    private int _step;

    /// <summary>
    /// A step of this process's life. What was asked for grows older by these alone: neither a clock that jumped nor a
    /// process that stood still makes anything old at once.
    /// </summary>
    public void Step()
    {
        lock (_gate)
        {
            _step++;
            ForgetWhatNeverCame();
        }
    }

    /// <summary>
    /// Deletes a blob or what there is of it, unless it is being written or was asked for within
    /// <see cref="KeptSteps"/>; of what happened before this process, the beginning counts.
    /// </summary>
    public bool DeleteIdle(BlobHash hash)
    {
        lock (_gate)
        {
            if (_writing.ContainsKey(hash) || _step - _touched.GetValueOrDefault(hash) <= KeptSteps) return false;
            Disown(hash);
            _disk.Delete(PartOf(hash));
            if (Directory.Exists(Path.GetDirectoryName(PathOf(hash)))) _disk.Delete(PathOf(hash));
            return true;
        }
    }
}
