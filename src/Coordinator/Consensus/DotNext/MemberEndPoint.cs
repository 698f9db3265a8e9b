using System.Net;
using System.Net.Sockets;
using DotNext.Buffers;
using DotNext.Net;
using DotNext.Net.Cluster.Consensus.Raft.Membership;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>
/// A member as the Raft library sees it. The library has one end point for two things: its value names the member (ids
/// and votes are made of it), and a socket connects to what it serializes as. Here the two may differ.
/// <para>
/// Invariant: as a value it is the announced address, alike on all nodes. An IPv4 address is written as IPv6, because a
/// socket for both kinds asks only such an end point to serialize itself; an IPv4 one it would rewrite without asking.
/// </para>
/// </summary>
internal sealed class MemberEndPoint(Member member) : IPEndPoint(AsIPv6(member.Raft.Address), member.Raft.Port)
{
    private readonly IPEndPoint _dial = member.Dial ?? member.Raft;

    /// <summary>The announced kind, on machines without IPv6 too: the member's id depends on it.</summary>
    public override AddressFamily AddressFamily => member.Raft.AddressFamily;

    /// <summary>The dialled address.</summary>
    public override SocketAddress Serialize() =>
        Socket.OSSupportsIPv6 ? new IPEndPoint(AsIPv6(_dial.Address), _dial.Port).Serialize() : _dial.Serialize();

    public override EndPoint Create(SocketAddress socketAddress) =>
        new IPEndPoint(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, 0).Create(socketAddress);

    public override string ToString() => member.Raft.ToString();

    private static IPAddress AsIPv6(IPAddress address) => address.MapToIPv6();
}

/// <summary>
/// The members, fixed. The library stores them as bytes, which must not forget where they are dialled.
/// </summary>
internal sealed class FixedMembers : InMemoryClusterConfigurationStorage<EndPoint>
{
    private readonly IReadOnlyList<MemberEndPoint> _members;

    public FixedMembers(IEnumerable<Member> members)
    {
        _members = [.. members.Select(member => new MemberEndPoint(member))];
        var builder = CreateInitialConfigurationBuilder();
        foreach (var member in _members) builder.Add(member);
        builder.Build();
    }

    protected override void Encode(EndPoint address, ref BufferWriterSlim<byte> writer) =>
        writer.WriteEndPoint(address);

    protected override EndPoint Decode(ref SequenceReader reader)
    {
        var read = reader.ReadEndPoint();
        return _members.FirstOrDefault(member => member.Equals(read)) ?? read;
    }
}
