using System.Text.Json;
using Quorate.Shared.Runs;
using Quorate.Shared.Text;

namespace Quorate.Shared.Hosts;

/// <summary>
/// Reads text into a <see cref="HostsFile"/>. A wrong value adds a sentence and reading continues, so all errors show
/// at once.
/// </summary>
internal sealed class HostsFileReader
{
    /// <summary>Most nodes read; enough to name all errors of any sensible file.</summary>
    private const int NodesReadMax = 64;

    private static readonly JsonDocumentOptions _strict = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowDuplicateProperties = false,
        MaxDepth = 4,
    };

    /// <summary>Most unknown keys named per object; a file could hold thousands.</summary>
    private const int UnknownKeysNamedMax = 8;

    private readonly List<string> _errors = [];

    public static HostsFile Read(string json, string source)
    {
        var reader = new HostsFileReader();
        var nodes = new List<Node>();
        try
        {
            if (json.Length > HostsFile.FileBytesMax)
                throw new HostsFileException(source, [$"It is longer than {HostsFile.FileBytesMax / 1024} KiB."]);
            using var document = JsonDocument.Parse(json, _strict);
            nodes = reader.ReadNodes(document.RootElement);
        }
        catch (JsonException e)
        {
            reader._errors.Add(JsonSection.NotJson(e));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // JSON permits an unpaired surrogate, escaped or not; text does not.
            reader._errors.Add("It contains an unpaired surrogate.");
        }
        if (reader._errors.Count > 0) throw new HostsFileException(source, reader._errors);
        return new HostsFile([.. nodes.OrderBy(n => n.Id)]);
    }

    private List<Node> ReadNodes(JsonElement root)
    {
        var nodes = new List<Node>();
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("nodes", out var list)
            || list.ValueKind != JsonValueKind.Array)
        {
            _errors.Add("nodes is missing; the file is an object with nodes, a list of { id, raft, grpc }.");
            return nodes;
        }
        RefuseUnknownKeys(root, "", "nodes");
        int count = list.GetArrayLength();
        if (count is not (1 or 3 or 5))
            _errors.Add(
                $"nodes must list 3 or 5 coordinators (or 1 to try it out), not {count}: "
                + "an even number tolerates no more failures.");
        foreach (var (at, element) in list.EnumerateArray().Take(NodesReadMax).Index())
            if (ReadNode(element, $"nodes[{at}]") is { } node) nodes.Add(node);
        RefuseTwice(nodes);
        return nodes;
    }

    private Node? ReadNode(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            _errors.Add($"{path} must be an object {{ id, raft, grpc }}.");
            return null;
        }
        RefuseUnknownKeys(element, path + ".", "id", "raft", "grpc");
        int id = -1;
        bool named = element.TryGetProperty("id", out var value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetInt32(out id) && id is >= 0 and <= HostsFile.IdMax;
        if (!named) _errors.Add($"{path}.id must be a whole number from 0 to {HostsFile.IdMax}.");
        var raft = ReadAddress(element, path, "raft");
        var grpc = ReadAddress(element, path, "grpc");
        return named && raft is not null && grpc is not null ? new Node(id, raft, grpc) : null;
    }

    private HostPort? ReadAddress(JsonElement element, string path, string key)
    {
        if (element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String
            && HostPort.TryParse(value.GetString(), out var address))
            return address;
        _errors.Add(
            $"{path}.{key} must be host:port with a port from 1 to 65535, "
            + "such as \"127.0.0.1:7100\" or \"node1.example:7100\".");
        return null;
    }

    private void RefuseTwice(List<Node> nodes)
    {
        foreach (var same in nodes.GroupBy(n => n.Id).Where(g => g.Count() > 1))
            _errors.Add($"Duplicate node id {same.Key} in nodes[].id: "
                + $"{PlainText.Count(same.Count(), "node")} have it.");
        var addresses = nodes.SelectMany(
            n => new[] { (Key: $"node {n.Id} raft", At: n.Raft), (Key: $"node {n.Id} grpc", At: n.Grpc) });
        foreach (var same in addresses.GroupBy(a => a.At).Where(g => g.Count() > 1))
            _errors.Add(
                $"{same.Key} is given to {string.Join(" and ", same.Select(a => a.Key))}; "
                + "each needs its own port.");
    }

    private void RefuseUnknownKeys(JsonElement element, string path, params string[] known)
    {
        foreach (var property in element.EnumerateObject().Where(p => !known.Contains(p.Name))
            .Take(UnknownKeysNamedMax))
            _errors.Add(
                $"{path}{property.Name} is not a key of a hosts file; the keys here are {string.Join(", ", known)}.");
    }
}
