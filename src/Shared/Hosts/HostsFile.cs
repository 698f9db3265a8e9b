using System.Text;
using System.Text.Json;

namespace Quorate.Shared.Hosts;

/// <summary>One coordinator of the cluster.</summary>
/// <param name="Id">0 to <see cref="HostsFile.IdMax"/>; the value of <c>--id</c>.</param>
/// <param name="Raft">Address for the coordinators' log traffic.</param>
/// <param name="Grpc">Address for trainers, the command line and blobs from the other coordinators.</param>
public sealed record Node(int Id, HostPort Raft, HostPort Grpc);

/// <summary>The members of the cluster: config/hosts.json, the same on every machine.</summary>
public sealed record HostsFile
{
    /// <summary>Longest file read, in bytes; five nodes with comments take a hundredth of it.</summary>
    public const int FileBytesMax = 64 * 1024;

    /// <summary>Highest node id; ids are short names.</summary>
    public const int IdMax = 999;

    internal HostsFile(IReadOnlyList<Node> nodes) => Nodes = nodes;

    /// <summary>1 (to try it out), 3 or 5 nodes, by ascending id, no address twice.</summary>
    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>The file's text, one node a line.</summary>
    public string Json => "{\n  \"nodes\": [\n" + string.Join(",\n", Nodes.Select(
        n => $"    {{ \"id\": {n.Id}, \"raft\": {Quoted(n.Raft)}, \"grpc\": {Quoted(n.Grpc)} }}")) + "\n  ]\n}\n";

    /// <summary>The node with this id.</summary>
    /// <exception cref="HostsFileException">There is no such node.</exception>
    public Node Node(int id, string source = "The hosts file") => Nodes.FirstOrDefault(n => n.Id == id)
        ?? throw new HostsFileException(source,
            [$"It has no node with id {id}; its ids are {string.Join(", ", Nodes.Select(n => n.Id))}."]);

    /// <param name="json">Comments are allowed.</param>
    /// <param name="source">What errors call the text.</param>
    /// <exception cref="HostsFileException">Names every error in the text.</exception>
    public static HostsFile Parse(string json, string source = "The text") => HostsFileReader.Read(json, source);

    /// <exception cref="HostsFileException">Names every error in the file, or says why it cannot be read.</exception>
    public static HostsFile Load(string path)
    {
        try
        {
            if (new FileInfo(path).Length > FileBytesMax)
                throw new HostsFileException(path, [$"It is longer than {FileBytesMax / 1024} KiB."]);
            return Parse(File.ReadAllText(path, Encoding.UTF8), path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new HostsFileException(
                $"There is no {path}. Start in the checkout's folder, or name a hosts file with --hosts.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HostsFileException($"{path} cannot be read: {e.Message}");
        }
    }

    private static string Quoted(HostPort address) => JsonSerializer.Serialize(address.ToString());
}

/// <summary>A hosts file is wrong. <see cref="Errors"/> holds every error found, not only the first.</summary>
public sealed class HostsFileException : Exception
{
    public HostsFileException(string source, IReadOnlyList<string> errors)
        : base($"{source} is not a hosts file: {string.Join(" ", errors)}") => Errors = errors;

    /// <summary>There is no text to look at.</summary>
    public HostsFileException(string sentence)
        : base(sentence) => Errors = [sentence];

    /// <summary>
    /// One sentence per error; each names its key (such as <c>nodes[1].raft</c>) and says what it must be.
    /// </summary>
    public IReadOnlyList<string> Errors { get; }
}
