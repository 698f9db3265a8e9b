using Quorate.Simulation.World;

namespace Quorate.Simulation.Disk;

/// <summary>
/// One node's disk: real files in a scratch directory, and a record of what was not flushed. A killed process loses
/// nothing. A power loss cuts tails that were not flushed at a sector boundary or zeroes a sector in them, and undoes
/// the last renames and removals whose directory was not flushed.
/// </summary>
internal sealed class NodeDisk(SimulatedWorld world, string root)
{
    private const int Sector = 512;

    private readonly Draws _draws = world.Stream($"disk {Path.GetFileName(root)}");
    private readonly Dictionary<string, long> _flushed = [];
    private readonly Dictionary<string, long> _versions = [];
    private readonly Dictionary<string, DateTimeOffset> _written = [];
    private readonly List<Change> _unflushed = [];
    private readonly HashSet<string> _directories = [];
    private int _shadows;

    public string Root => root;

    /// <summary>The disk takes no more bytes.</summary>
    public bool IsFull { get; set; }

    /// <summary>It reports a flush without doing it, to test the checks.</summary>
    public bool Lies { get; set; }

    /// <summary>If set, the power fails after this many more changes, in the middle of a step.</summary>
    public (int Changes, Action Fails)? Fuse { get; set; }

    /// <summary>Called before each change; the power may fail during the call.</summary>
    public void Burn()
    {
        if (Fuse is not { } fuse) return;
        Fuse = fuse.Changes > 0 ? fuse with { Changes = fuse.Changes - 1 } : null;
        if (Fuse is not null) return;
        world.Trace.Mark("power lost in the middle of a step");
        fuse.Fails();
    }

    /// <summary>Every stored blob creates its directory again; only the first call does anything.</summary>
    public void CreateDirectory(string path)
    {
        if (_directories.Add(path)) Directory.CreateDirectory(path);
    }

    public TimeSpan Delay() => _draws.Chance(0.03) ? _draws.Between(10, 300) : _draws.Between(0.1, 4);

    public long VersionOf(string path) => _versions.GetValueOrDefault(path);

    public DateTimeOffset WrittenAt(string path) => _written.GetValueOrDefault(path, DateTimeOffset.UnixEpoch);

    public void Wrote(string path, long offset, DateTimeOffset at)
    {
        if (_flushed.GetValueOrDefault(path) > offset) _flushed[path] = offset;
        _versions[path] = VersionOf(path) + 1;
        _written[path] = at;
    }

    public void Flushed(string path)
    {
        if (!Lies) _flushed[path] = new FileInfo(path).Length;
    }

    public void FlushedDirectory(string path)
    {
        if (Lies) return;
        foreach (var change in _unflushed.Where(change => change.IsIn(path)).ToList())
        {
            Forget(change);
            _unflushed.Remove(change);
        }
    }

    public void Move(string from, string to)
    {
        string? covered = File.Exists(to) ? Aside(to) : null;
        File.Move(from, to);
        _unflushed.Add(new Change(from, to, covered, _flushed.GetValueOrDefault(to)));
        Carry(_flushed, from, to, 0);
        Carry(_written, from, to, DateTimeOffset.UnixEpoch);
        _versions[to] = VersionOf(to) + 1;
    }

    public void Delete(string path)
    {
        if (File.Exists(path)) _unflushed.Add(new Change(path, null, Aside(path), _flushed.GetValueOrDefault(path)));
    }

    /// <summary>Flips a bit of one blob silently.</summary>
    public bool Rot()
    {
        string blobs = Path.Combine(root, "blobs");
        if (!Directory.Exists(blobs)) return false;
        // A file may have become empty in a power loss.
        var files = Directory.GetFiles(blobs, "*", SearchOption.AllDirectories)
            .Where(file => new FileInfo(file).Length > 0).Order(StringComparer.Ordinal).ToList();
        if (files.Count == 0) return false;
        string file = _draws.Of(files);
        byte[] bytes = File.ReadAllBytes(file);
        bytes[_draws.Below(bytes.Length)] ^= (byte)(1 << _draws.Below(8));
        using (var open = File.OpenHandle(file, FileMode.Open, FileAccess.Write)) RandomAccess.Write(open, bytes, 0);
        if (_draws.Chance(0.7)) _versions[file] = VersionOf(file) + 1; // Otherwise the file's stamp does not change.
        world.Trace.Mark("a bit flipped");
        return true;
    }

    public void LosePower()
    {
        world.Trace.Mark("power lost");
        // A journal keeps a prefix of the changes.
        int kept = _draws.Below(_unflushed.Count + 1);
        for (int i = _unflushed.Count - 1; i >= kept; i--) Undo(_unflushed[i]);
        _unflushed.Take(kept).ToList().ForEach(Forget);
        _unflushed.Clear();
        var files = Directory.GetFiles(root, "*", SearchOption.AllDirectories);
        foreach (string file in files.Order(StringComparer.Ordinal)) Tear(file);
    }

    private void Undo(Change change)
    {
        world.Trace.Mark(change.To is null ? "a removal undone" : "a rename undone");
        if (change.To is not null && File.Exists(change.To))
        {
            File.Move(change.To, change.From, overwrite: true);
            Carry(_flushed, change.To, change.From, 0);
        }
        string back = change.To ?? change.From;
        if (change.Aside is null || !File.Exists(change.Aside)) return;
        File.Move(change.Aside, back, overwrite: true);
        _flushed[back] = change.Flushed;
    }

    private void Tear(string file)
    {
        long length = new FileInfo(file).Length, safe = Math.Min(length, _flushed.GetValueOrDefault(file));
        if (safe == length) return;
        world.Trace.Mark("a tail torn");
        long sectors = (length - safe + Sector - 1) / Sector;
        long end = Math.Min(length, safe + _draws.Below((int)sectors + 1) * Sector);
        using var open = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.SetLength(open, end);
        if (end <= safe || !_draws.Chance(0.5)) return;
        long hole = safe + _draws.Below((int)((end - safe + Sector - 1) / Sector)) * Sector;
        RandomAccess.Write(open, new byte[Math.Min(Sector, end - hole)], hole);
    }

    /// <summary>Keeps a removed or replaced file for as long as the change can be undone.</summary>
    private string Aside(string path)
    {
        string shadow = Path.Combine(Path.GetDirectoryName(root)!, $"{Path.GetFileName(root)}-shadow-{_shadows++}");
        File.Move(path, shadow);
        return shadow;
    }

    private static void Forget(Change change)
    {
        if (change.Aside is not null) File.Delete(change.Aside);
    }

    private static void Carry<T>(Dictionary<string, T> facts, string from, string to, T none)
    {
        facts[to] = facts.GetValueOrDefault(from, none)!;
        facts.Remove(from);
    }

    /// <param name="To">The new name; null for a removal.</param>
    /// <param name="Aside">The kept copy of the removed file, or of the file that was replaced by the rename.</param>
    /// <param name="Flushed">Flushed bytes of that file.</param>
    private sealed record Change(string From, string? To, string? Aside, long Flushed)
    {
        public bool IsIn(string directory) => Path.GetDirectoryName(To ?? From) == directory;
    }
}
