using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;
using Quorate.Rounds;
using Quorate.Shared.Hosts;

namespace Quorate.Coordinator.Peering;

/// <summary>Tells whether another coordinator belongs to this node's cluster.</summary>
/// <param name="cluster">This node's cluster id; not set while it is not known.</param>
internal sealed class Agreement(int node, MemberList members, Func<ClusterId> cluster)
{
    public MemberList Members => members;

    /// <summary>This node's cluster id as Hello carries it; empty while it is not known.</summary>
    public ByteString Cluster => cluster() is { IsSet: true } id
        ? ByteString.CopyFrom(Convert.FromHexString(id.ToString()))
        : ByteString.Empty;

    /// <param name="other">The other node's id.</param>
    /// <param name="theirs">Its member list.</param>
    /// <param name="theirCluster">Its cluster id; empty if it knows none.</param>
    /// <param name="why">One sentence that names both nodes, the difference and what to do.</param>
    public bool IsBroken(
        int other, IEnumerable<string> theirs, ByteString theirCluster, [NotNullWhen(true)] out string? why)
    {
        var list = new MemberList(theirs);
        var own = Cluster;
        why = !members.IsSameAs(list)
            ? $"Nodes {node} and {other} have different hosts files: {members.DifferenceFrom(list, node, other)}. "
                + "They refuse each other until both have the same file."
            : !own.IsEmpty && theirCluster.Length == ClusterId.Size && own != theirCluster
                ? $"Node {node} belongs to cluster {cluster()}, node {other} to cluster "
                    + $"{ClusterId.FromBytes(theirCluster.Span)}. They refuse each other until both have data "
                    + "directories of one cluster."
                : null;
        return why is not null;
    }
}
