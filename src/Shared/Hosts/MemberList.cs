using System.Security.Cryptography;
using System.Text;

namespace Quorate.Shared.Hosts;

/// <summary>
/// A hosts file's members in canonical form, one line "id raft grpc" each, by id and with addresses as written. Nodes
/// with different lists do not belong to one cluster.
/// </summary>
public sealed class MemberList(IEnumerable<string> lines)
{
    /// <summary>Most lines taken from another node, and most characters shown of each.</summary>
    private const int LinesMax = 16, LineCharsMax = 200;

    public IReadOnlyList<string> Lines { get; } = [.. lines.Take(LinesMax)];

    /// <summary>SHA-256 of the lines, 32 bytes.</summary>
    public ReadOnlyMemory<byte> Hash => SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', Lines)));

    public static MemberList Of(HostsFile hosts) =>
        new(hosts.Nodes.Select(node => $"{node.Id} {node.Raft} {node.Grpc}"));

    public bool IsSameAs(MemberList other) => Lines.SequenceEqual(other.Lines, StringComparer.Ordinal);

    /// <summary>What only one of two lists holds: "only node 0's lists '2 …'; only node 3's lists '4 …'".</summary>
    public string DifferenceFrom(MemberList other, int own, int theirs)
    {
        var parts = new[] { (Node: own, Only: Except(other)), (Node: theirs, Only: other.Except(this)) };
        return string.Join("; ", parts.Where(part => part.Only.Length > 0)
            .Select(part => $"only node {part.Node}'s lists {part.Only}"));
    }

    private string Except(MemberList other) =>
        string.Join(", ", Lines.Except(other.Lines, StringComparer.Ordinal).Select(line => $"'{Shown(line)}'"));

    /// <summary>The text may come from another node, so control characters never reach a log or a terminal.</summary>
    private static string Shown(string line) =>
        string.Concat(line.Take(LineCharsMax).Select(c => c is >= ' ' and <= '~' ? c : '?'));
}
