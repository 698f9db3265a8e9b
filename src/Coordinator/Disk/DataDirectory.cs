using System.Globalization;

namespace Quorate.Coordinator.Disk;

/// <summary>
/// One node's data directory, held by this process alone. The file <c>node-id</c> says whose it is, so that a mistaken
/// path cannot let one node vote with another's votes; the file <c>lock</c> keeps a second process out, and the
/// operating system drops it when its holder dies, however it dies.
/// </summary>
public sealed class DataDirectory : IDisposable
{
    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream held, bool fresh)
    {
        Path = path;
        _lock = held;
        Fresh = fresh;
    }

    /// <summary>The directory, as a full path.</summary>
    public string Path { get; }

    /// <summary>
    /// True when the directory held no node before this start: whatever the node once promised its peers is forgotten.
    /// It stays true over restarts until <see cref="Settle"/>.
    /// </summary>
    public bool Fresh { get; private set; }

    private string Unsettled => System.IO.Path.Combine(Path, "fresh");

    /// <summary>Makes or opens the directory of <paramref name="node"/> and locks it until disposal.</summary>
    /// <exception cref="DataDirectoryException">
    /// It belongs to another node, another process holds it, or this user may not write it.
    /// </exception>
    public static DataDirectory Open(string path, int node)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfNegative(node);
        path = System.IO.Path.GetFullPath(path);
        FileStream? held = null;
        try
        {
            DurableDirectory.Create(path);
            held = Lock(path);
            bool fresh = Claim(path, node);
            var opened = new DataDirectory(path, held, fresh);
            held = null;
            return opened;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataDirectoryException(
                $"The data directory {path} cannot be written ({e.Message}): mend its permissions or choose another.", e);
        }
        finally
        {
            held?.Dispose();
        }
    }

    /// <summary>
    /// Says that the node now votes, so that its next start is no fresh one. Called once, before the first vote.
    /// </summary>
    /// <exception cref="IOException">The disk reports a failure.</exception>
    public void Settle()
    {
        if (!Fresh) return;
        File.Delete(Unsettled);
        DurableDirectory.Flush(Path);
        Fresh = false;
    }

    public void Dispose() => _lock.Dispose();

    private static FileStream Lock(string path)
    {
        string file = System.IO.Path.Combine(path, "lock");
        try
        {
            // FileShare.None is flock(LOCK_EX | LOCK_NB) on Unix: it ends with the process, so no lock is ever stale.
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(file))
        {
            throw new DataDirectoryException(
                $"The data directory {path} is in use by another process: stop that coordinator first.", e);
        }
    }

    /// <summary>
    /// Invariant: a directory with a <c>node-id</c> but without <c>fresh</c> belongs to a node that may have voted.
    /// Hence <c>fresh</c> is written before <c>node-id</c>, and a directory that holds anything but this class's own
    /// files is never claimed.
    /// </summary>
    private static bool Claim(string path, int node)
    {
        string id = System.IO.Path.Combine(path, "node-id"), unsettled = System.IO.Path.Combine(path, "fresh");
        if (File.Exists(id))
        {
            string owner = File.ReadAllText(id).Trim();
            if (owner == node.ToString(CultureInfo.InvariantCulture)) return File.Exists(unsettled);
            throw new DataDirectoryException(
                $"The data directory {path} belongs to node '{Shown(owner)}', not to node {node}: give each node its own.");
        }

        if (Directory.EnumerateFileSystemEntries(path).Select(System.IO.Path.GetFileName)
                .FirstOrDefault(name => name is not ("lock" or "fresh" or "node-id.new")) is { } foreign)
            throw new DataDirectoryException(
                $"The directory {path} holds '{foreign}' but no node-id, so it is no data directory: choose an empty one.");

        Write(unsettled, "");
        string draft = System.IO.Path.Combine(path, "node-id.new");
        Write(draft, node.ToString(CultureInfo.InvariantCulture) + "\n");
        File.Move(draft, id);
        DurableDirectory.Flush(path);
        return true;
    }

    private static void Write(string file, string text)
    {
        using (var stream = new FileStream(file, FileMode.Create, FileAccess.Write))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
        DurableDirectory.Flush(System.IO.Path.GetDirectoryName(file)!);
    }

    private static string Shown(string text) =>
        string.Concat(text.Take(20).Select(c => char.IsControl(c) ? '?' : c));
}
