using System.Globalization;

namespace Quorate.Coordinator.Disk;

/// <summary>
/// One node's data directory, held by this process alone. The file <c>node-id</c> names its node, so that a wrong path
/// cannot let one node vote with another's votes. The file <c>lock</c> keeps a second process out; the operating system
/// releases it when its holder ends.
/// </summary>
public sealed class DataDirectory : IDisposable
{
    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream held, bool fresh) => (Path, _lock, Fresh) = (path, held, fresh);

    /// <summary>The directory, as a full path.</summary>
    public string Path { get; }

    /// <summary>
    /// True until <see cref="Settle"/>: the directory holds no vote and no log. Anything its node ever promised to its
    /// peers is lost.
    /// </summary>
    public bool Fresh { get; private set; }

    private string Unsettled => System.IO.Path.Combine(Path, "fresh");

    /// <summary>Creates or opens the directory of <paramref name="node"/> and locks it until disposal.</summary>
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
            Claim(path, node);
            var opened = new DataDirectory(path, held, File.Exists(System.IO.Path.Combine(path, "fresh")));
            held = null;
            return opened;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataDirectoryException(
                $"The data directory {path} cannot be written ({e.Message}): correct its permissions or choose "
                + "another.", e);
        }
        finally
        {
            held?.Dispose();
        }
    }

    /// <summary>
    /// Records that the node now votes; its next start is not fresh. Called once, before the first vote.
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
            // FileShare.None is flock(LOCK_EX | LOCK_NB) on Unix. It ends with the process, so no lock is ever stale.
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
    /// Hence <c>fresh</c> is written before <c>node-id</c>, and a directory with files other than this class's own is
    /// never claimed.
    /// </summary>
    private static void Claim(string path, int node)
    {
        string file = System.IO.Path.Combine(path, "node-id");
        if (File.Exists(file))
        {
            // Earlier builds wrote more after the number; it is ignored.
            if (!int.TryParse(File.ReadAllText(file).Split(' ', '\n')[0], CultureInfo.InvariantCulture, out int owner))
                throw new DataDirectoryException(
                    $"The file {file} is damaged: restore it, or set the directory aside and rejoin.");
            if (owner == node) return;
            throw new DataDirectoryException(
                $"The data directory {path} belongs to node {owner}, not to node {node}: give each node its own.");
        }

        if (Directory.EnumerateFileSystemEntries(path).Select(System.IO.Path.GetFileName)
                .FirstOrDefault(name => name is not ("lock" or "fresh" or "fresh.new" or "node-id.new")) is { } foreign)
            throw new DataDirectoryException(
                $"The directory {path} holds '{foreign}' but no node-id, so it is not a data directory: choose an "
                + "empty one.");

        DurableDirectory.WriteFile(System.IO.Path.Combine(path, "fresh"), "");
        DurableDirectory.WriteFile(file, string.Create(CultureInfo.InvariantCulture, $"{node}\n"));
    }
}

/// <summary>A data directory cannot be used; the message is one sentence for the operator.</summary>
public sealed class DataDirectoryException(string message, Exception? inner = null) : Exception(message, inner);
