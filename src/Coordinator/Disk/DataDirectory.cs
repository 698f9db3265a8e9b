using System.Globalization;

namespace Quorate.Coordinator.Disk;

/// <summary>
/// One node's data directory, held by this process alone. The file <c>node-id</c> says whose it is, so that a mistaken
/// path cannot let one node vote with another's votes; the file <c>lock</c> keeps a second process out, and the
/// operating system drops it when its holder dies, however it dies. A random identity, made with the directory, lets
/// the peers notice that a node came back with another one: see <see cref="Knows"/>.
/// </summary>
public sealed class DataDirectory : IDisposable
{
    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream held, Guid identity, bool fresh)
    {
        Path = path;
        _lock = held;
        Identity = identity;
        Fresh = fresh;
    }

    /// <summary>The directory, as a full path.</summary>
    public string Path { get; }

    /// <summary>Made with the directory and never changed: a wiped and newly made directory has another one.</summary>
    public Guid Identity { get; }

    /// <summary>
    /// True until <see cref="Settle"/>: the directory holds no vote and no log. If its node ever promised anything to
    /// its peers, that is forgotten.
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
            var identity = Claim(path, node);
            var opened = new DataDirectory(path, held, identity, File.Exists(System.IO.Path.Combine(path, "fresh")));
            held = null;
            return opened;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataDirectoryException(
                $"The data directory {path} cannot be written ({e.Message}): mend its permissions or choose "
                + "another.", e);
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

    /// <summary>
    /// Whether a peer's directory is the one it had when the two first met; remembers the first one durably.
    /// </summary>
    /// <param name="peer">The peer's node id.</param>
    /// <param name="identity">The identity of the directory that it has now.</param>
    /// <param name="replace">The peer rejoins with an empty directory: remember the new one instead.</param>
    /// <exception cref="IOException">The disk reports a failure.</exception>
    public bool Knows(int peer, Guid identity, bool replace)
    {
        lock (_lock)
        {
            string file = System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture, $"peer-{peer}"));
            string now = identity.ToString("N");
            if (File.Exists(file) && !replace) return File.ReadAllText(file).Trim() == now;
            if (!File.Exists(file) || File.ReadAllText(file).Trim() != now) WriteWhole(file, now + "\n");
            return true;
        }
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
    private static Guid Claim(string path, int node)
    {
        string file = System.IO.Path.Combine(path, "node-id");
        if (File.Exists(file))
        {
            string[] parts = File.ReadAllText(file).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length != 2 || !Guid.TryParseExact(parts[1], "N", out var known))
                throw new DataDirectoryException(
                    $"The file {file} is damaged: restore it, or set the directory aside and rejoin.");
            if (parts[0] == node.ToString(CultureInfo.InvariantCulture)) return known;
            throw new DataDirectoryException(
                $"The data directory {path} belongs to node {Shown(parts[0])}, not to node {node}: give each node "
                + "its own.");
        }

        if (Directory.EnumerateFileSystemEntries(path).Select(System.IO.Path.GetFileName)
                .FirstOrDefault(name => name is not ("lock" or "fresh" or "fresh.new" or "node-id.new")) is { } foreign)
            throw new DataDirectoryException(
                $"The directory {path} holds '{foreign}' but no node-id, so it is no data directory: choose an "
                + "empty one.");

        var identity = Guid.NewGuid();
        WriteWhole(System.IO.Path.Combine(path, "fresh"), "");
        WriteWhole(file, string.Create(CultureInfo.InvariantCulture, $"{node} {identity:N}\n"));
        return identity;
    }

    /// <summary>The file has either its old content or all of the new one, whenever the power fails.</summary>
    private static void WriteWhole(string file, string text)
    {
        string draft = file + ".new";
        using (var stream = new FileStream(draft, FileMode.Create, FileAccess.Write))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
        File.Move(draft, file, overwrite: true);
        DurableDirectory.Flush(System.IO.Path.GetDirectoryName(file)!);
    }

    private static string Shown(string text) =>
        string.Concat(text.Take(20).Select(c => char.IsControl(c) ? '?' : c));
}
