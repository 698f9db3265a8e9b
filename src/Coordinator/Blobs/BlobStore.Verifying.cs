using Microsoft.Win32.SafeHandles;
using Quorate.Coordinator.Disk;
using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <content>Whether a file is what its name says; quarantine for those that are not.</content>
public sealed partial class BlobStore
{
    /// <summary>
    /// Held where a file gets or loses its name under blobs/. Not the gate: a rename may wait for the disk.
    /// </summary>
    private readonly Lock _naming = new();

    internal void Quarantine(BlobHash hash, string path, string why)
    {
        string to = Path.Combine(_quarantine, $"{_time.GetUtcNow().UtcTicks:D19}-{hash}");
        lock (_gate) _verified.Remove(hash);
        _disk.Move(path, to);
        foreach (string old in Directory.GetFiles(_quarantine).OrderDescending(StringComparer.Ordinal).Skip(
            _options.QuarantinedMax))
            _disk.Delete(old);
        BlobMeter.Quarantined.Add(1);
        _log.Quarantined(hash, why, to);
    }

    private bool IsRemembered(BlobHash hash, SafeFileHandle file)
    {
        lock (_gate) return _verified.TryGetValue(hash, out var stamp) && stamp == StampOf(hash, file);
    }

    private void Remember(BlobHash hash, SafeFileHandle file)
    {
        var stamp = StampOf(hash, file);
        lock (_gate)
        {
            (_verified[hash], _touched[hash]) = (stamp, _step);
            _lost.Remove(hash);
        }
    }

    private SafeFileHandle? OpenVerified(BlobHash hash)
    {
        if (TryOpen(hash) is not { } file) return null;
        bool good = false;
        try
        {
            good = IsRemembered(hash, file) || Verify(hash, file);
            return good ? file : null;
        }
        finally
        {
            if (!good) file.Dispose();
        }
    }

    private bool Verify(BlobHash hash, SafeFileHandle file)
    {
        var stamp = StampOf(hash, file);
        if (FileHash.Of(file) != hash)
        {
            if (TryQuarantine(hash, stamp)) FoundBad?.Invoke();
            return false;
        }
        // Its name may stem from a rename just before a crash, or just now by another thread: durable before told.
        _disk.FlushDirectory(Path.GetDirectoryName(PathOf(hash))!);
        BlobMeter.Flushes.Add(1);
        lock (_gate) _verified[hash] = stamp;
        return true;
    }

    /// <summary>
    /// False: the bad file has lost its name meanwhile. A good one may have it, as when a model that is here already is
    /// adopted again. (Elsewhere than on Linux no inode is known: all files look like the bad one.)
    /// </summary>
    private bool TryQuarantine(BlobHash hash, FileStamp bad)
    {
        lock (_naming)
        {
            using var file = TryOpen(hash);
            if (file is null || StampOf(hash, file).Inode != bad.Inode) return false;
            Quarantine(hash, PathOf(hash), "wrong SHA-256");
            lock (_gate) _lost.Add(hash);
            return true;
        }
    }

    private FileStamp StampOf(BlobHash hash, SafeFileHandle file) => _disk.StampOf(file, PathOf(hash));
}
