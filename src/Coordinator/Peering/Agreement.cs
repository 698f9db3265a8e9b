using System.Diagnostics.CodeAnalysis;
using Quorate.Shared.Hosts;

namespace Quorate.Coordinator.Peering;

/// <summary>Tells whether another coordinator belongs to this node's cluster.</summary>
internal sealed class Agreement(int node, MemberList members)
{
    public MemberList Members => members;

    /// <param name="other">The other node's id.</param>
    /// <param name="theirs">Its member list.</param>
    /// <param name="why">One sentence that names both nodes, the difference and what to do.</param>
    public bool IsBroken(int other, IEnumerable<string> theirs, [NotNullWhen(true)] out string? why)
    {
        var list = new MemberList(theirs);
        why = members.IsSameAs(list)
            ? null
            : $"Nodes {node} and {other} have different hosts files: {members.DifferenceFrom(list, node, other)}. "
                + "They refuse each other until both have the same file.";
        return why is not null;
    }
}
