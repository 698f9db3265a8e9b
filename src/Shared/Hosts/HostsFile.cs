using System.Text;
using System.Text.Json;

namespace Quorate.Shared.Hosts;

/// <summary>A coordinator of the cluster.</summary>
/// <param name="Id">0 to <see cref="HostsFile.IdMax"/>; what <c>--id</c> names.</param>
/// <param name="Raft">Where the coordinators' log travels.</param>
/// <param name="Grpc">Where trainers, the command line and the other coordinators' blobs come in.</param>
public sealed record Node(int Id, HostPort Raft, HostPort Grpc);

/// <summary>Who is in the cluster: config/hosts.json, the same on every machine.</summary>
public sealed record HostsFile
{
    /// <summary>Longest file read, in bytes: five nodes with comments take a hundredth of it.</summary>
    public const int FileBytesMax = 64 * 1024;

    /// <summary>Highest node id: ids are names, and short ones.</summary>
    public const int IdMax = 999;

    internal HostsFile(IReadOnlyList<Node> nodes) => Nodes = nodes;

    /// <summary>By id, ascending: 1 (for trying out), 3 or 5 of them, no address twice.</summary>
    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>The file's text, one node a line.</summary>
    public string Json => "{\n  \"nodes\": [\n" + string.Join(",\n", Nodes.Select(
        n => $"    {{ \"id\": {n.Id}, \"raft\": {Quoted(n.Raft)}, \"grpc\": {Quoted(n.Grpc)} }}")) + "\n  ]\n}\n";

    /// <summary>The node named by <c>--id</c>.</summary>
    /// <exception cref="HostsFileException">There is none with this id.</exception>
    public Node Node(int id, string source = "The hosts file") => Nodes.FirstOrDefault(n => n.Id == id)
        ?? throw new HostsFileException(source,
            [$"It has no node with id {id}; its ids are {string.Join(", ", Nodes.Select(n => n.Id))}."]);

    /// <param name="json">Comments are allowed.</param>
    /// <param name="source">What errors call the text.</param>
    /// <exception cref="HostsFileException">With every error there is.</exception>
    public static HostsFile Parse(string json, string source = "The text") => HostsFileReader.Read(json, source);

    /// <exception cref="HostsFileException">With every error there is; also when the file cannot be read.</exception>
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
            throw new HostsFileException(path,
                ["There is no such file; name one with --hosts (config/hosts.json is an example)."]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HostsFileException(path, [$"It cannot be read: {e.Message}"]);
        }
    }

    private static string Quoted(HostPort address) => JsonSerializer.Serialize(address.ToString());
}
