using System.Diagnostics.CodeAnalysis;
using Quorate.Shared.Hosts;

namespace Quorate.Coordinator.Settings;

/// <summary>Reads <c>--dial</c>: the addresses through which this node reaches others.</summary>
internal static class Dials
{
    /// <param name="own">This node's id.</param>
    /// <param name="hosts">Null where the hosts file could not be read.</param>
    /// <param name="errors">Takes a sentence for each part that is wrong.</param>
    public static IReadOnlyList<Node> Read(string value, int own, HostsFile? hosts, List<string> errors)
    {
        var dials = new List<Node>();
        foreach (string text in value.Split(';'))
        {
            if (!TryParse(text, out var dial))
                errors.Add($"--dial takes NODE=HOST:RAFTPORT,HOST:GRPCPORT, several with ; between: not '{text}'.");
            else if (dial.Id == own || hosts is not null && hosts.Nodes.All(node => node.Id != dial.Id))
                errors.Add($"--dial {text}: {dial.Id} is not another node of the hosts file.");
            else if (dials.Any(other => other.Id == dial.Id))
                errors.Add($"--dial names node {dial.Id} twice.");
            else
                dials.Add(dial);
        }
        return dials;
    }

    private static bool TryParse(string text, [NotNullWhen(true)] out Node? dial)
    {
        dial = text.Split('=') is [var id, var addresses] && int.TryParse(id, out int node)
            && addresses.Split(',') is [var raft, var grpc]
            && HostPort.TryParse(raft, out var raftAddress) && HostPort.TryParse(grpc, out var grpcAddress)
                ? new Node(node, raftAddress, grpcAddress)
                : null;
        return dial is not null;
    }
}
