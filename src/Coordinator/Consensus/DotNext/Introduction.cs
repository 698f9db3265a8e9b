using System.Buffers.Binary;

namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>Why two nodes exchange no Raft messages.</summary>
internal enum Refusal : byte
{
    None,

    /// <summary>Their hosts files list different members.</summary>
    Members,

    /// <summary>They belong to different clusters.</summary>
    Cluster,

    /// <summary>Another node answers at the address, or the caller's id is not a peer's.</summary>
    WrongNode,

    /// <summary>The node's data directory is not the one that its peers have enrolled.</summary>
    Identity,
}

/// <summary>
/// What each side of a connection says before the Raft protocol starts. The dialling node speaks first; the other one
/// answers with its own introduction and its verdict. 80 bytes: magic (8), sender (4), receiver (4), identity (8),
/// cluster id (16), hash of the member list (32), verdict (1), zeros (7); little-endian.
/// </summary>
/// <param name="From">The sender's node id.</param>
/// <param name="To">The node id that the sender expects on the other side.</param>
/// <param name="Identity">Of the sender's data directory; 0: not stated.</param>
/// <param name="Cluster">The sender's cluster id; 0: not known yet.</param>
/// <param name="Members">SHA-256 of the sender's member list, 32 bytes.</param>
/// <param name="Verdict">Why the sender refuses the receiver.</param>
internal sealed record Introduction(
    int From, int To, ulong Identity, UInt128 Cluster, ReadOnlyMemory<byte> Members, Refusal Verdict)
{
    public const int Size = 80;

    private const int ClusterAt = 24, MembersAt = 40, VerdictAt = 72;

    private static ReadOnlySpan<byte> Magic => "QRAFT1\r\n"u8;

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[Size];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), From);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), To);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), Identity);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes.AsSpan(ClusterAt), Cluster);
        Members.Span.CopyTo(bytes.AsSpan(MembersAt, ConsensusOptions.MemberHashBytes));
        bytes[VerdictAt] = (byte)Verdict;
        return bytes;
    }

    /// <exception cref="InvalidDataException">The other side is not a coordinator of this version.</exception>
    public static Introduction Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size || !bytes.StartsWith(Magic) || bytes[VerdictAt] > (byte)Refusal.Identity)
            throw new InvalidDataException("The other side is not a coordinator of this version.");
        return new Introduction(
            BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadUInt128LittleEndian(bytes[ClusterAt..]),
            bytes.Slice(MembersAt, ConsensusOptions.MemberHashBytes).ToArray(), (Refusal)bytes[VerdictAt]);
    }
}

/// <summary>
/// Introduces this node to others, judges their introductions, and reports each change of a verdict once.
/// Invariant: two nodes with different member lists or cluster ids never exchange a Raft message.
/// </summary>
/// <param name="cluster">This node's cluster id; 0 while it is not known.</param>
internal sealed class Introductions(ConsensusOptions options, Func<UInt128> cluster, ILogger logger)
{
    /// <summary>Nodes that are reported, members or not: anybody can claim to be any node.</summary>
    private const int ReportedMax = 32;

    private readonly Lock _gate = new();
    private readonly Dictionary<(int Node, bool ByPeer), Refusal> _reported = [];
    private readonly ReadOnlyMemory<byte> _members = options.MemberHash;

    public Introduction Own(int to, Refusal verdict = Refusal.None) =>
        new(options.Node, to, options.Identity, cluster(), _members, verdict);

    /// <param name="expected">The node that was dialled; null if the other side dialled.</param>
    public Refusal Judge(Introduction other, int? expected)
    {
        var own = cluster();
        if (!other.Members.Span.SequenceEqual(_members.Span)) return Refusal.Members;
        if (own != 0 && other.Cluster != 0 && own != other.Cluster) return Refusal.Cluster;
        if (other.To != options.Node || other.From != (expected ?? other.From) || !IsPeer(other.From))
            return Refusal.WrongNode;
        ulong enrolled = options.EnrolledIdentity(other.From);
        return enrolled != 0 && other.Identity != 0 && enrolled != other.Identity ? Refusal.Identity : Refusal.None;
    }

    /// <summary>Logs a verdict when it differs from the last one about the same node.</summary>
    /// <param name="byPeer">True if the peer refuses this node, false if this node refuses the peer.</param>
    public void Report(int node, Refusal verdict, bool byPeer = false)
    {
        lock (_gate)
        {
            if (_reported.GetValueOrDefault((node, byPeer)) == verdict) return;
            if (!IsPeer(node) && _reported.Count >= ReportedMax) return;
            _reported[(node, byPeer)] = verdict;
        }
        if (verdict == Refusal.None) logger.MemberAgrees(node);
        else if (byPeer) logger.RefusedByMember(node, Sentence(verdict, options.Node, node));
        else logger.MemberRefused(node, Sentence(verdict, node, options.Node));
    }

    private bool IsPeer(int node) => node != options.Node && options.Members.Any(member => member.Id == node);

    /// <param name="node">The refused node.</param>
    private static string Sentence(Refusal verdict, int node, int by) => verdict switch
    {
        Refusal.Members => $"the hosts files of nodes {node} and {by} list different members. Give both the same file.",
        Refusal.Cluster => $"nodes {node} and {by} belong to different clusters. Start each with the data directory of "
            + "the cluster it should join.",
        Refusal.WrongNode => $"node {by} does not expect node {node} on this connection. Check that both hosts files "
            + "and --dial name the right addresses, and that no two nodes have the same id.",
        _ => $"node {node}'s data directory is not the one that node {by} has enrolled. Two processes may use this id, "
            + "or the directory is a copy of another node's. Give each node its own directory.",
    };
}
