using Quorate.Shared.Hosts;

namespace Quorate.Coordinator.Settings;

/// <summary>Reads <c>--dial</c>: through which addresses this node reaches others.</summary>
internal static class Dials
{
    /// <summary>Errors go to <paramref name="flags"/>.</summary>
    /// <param name="hosts">Null where the hosts file could not be read.</param>
    public static IReadOnlyList<Node> Read(Flags flags, int own, HostsFile? hosts)
    {
        var dials = new List<Node>();
        foreach (string text in flags.Text("dial")?.Split(';') ?? [])
        {
            if (TryParse(text) is not { } dial)
                flags.Errors.Add(
                    $"--dial takes NODE=HOST:RAFTPORT,HOST:GRPCPORT, several with ; between: not '{text}'.");
            else if (dial.Id == own || hosts is not null && hosts.Nodes.All(node => node.Id != dial.Id))
                flags.Errors.Add($"--dial {text}: {dial.Id} is no other node of the hosts file.");
            else if (dials.Any(other => other.Id == dial.Id))
                flags.Errors.Add($"--dial names node {dial.Id} twice.");
            else
                dials.Add(dial);
        }
        return dials;
    }

    private static Node? TryParse(string text) =>
        text.Split('=') is [var id, var addresses] && int.TryParse(id, out int node)
        && addresses.Split(',') is [var raft, var grpc]
        && HostPort.TryParse(raft, out var raftAddress) && HostPort.TryParse(grpc, out var grpcAddress)
            ? new Node(node, raftAddress, grpcAddress)
            : null;
}
