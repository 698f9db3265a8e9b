using Google.Protobuf;
using Quorate.Coordinator.Peering;
using Quorate.Rounds;
using Quorate.Shared.Hosts;

namespace Quorate.Unit.Peering;

public sealed class AgreementTests
{
    private static readonly MemberList Members = new(["0 fed0:7100 fed0:7101", "1 fed1:7100 fed1:7101"]);
    private static readonly ClusterId Ours = Id(1);

    [Fact]
    public void A_node_of_the_same_cluster_agrees_and_so_does_one_that_knows_no_cluster_yet()
    {
        Assert.False(Of(Ours).IsBroken(1, Members.Lines, Of(Ours).Cluster, out _));
        Assert.False(Of(Ours).IsBroken(1, Members.Lines, ByteString.Empty, out _));
        Assert.False(Of(default).IsBroken(1, Members.Lines, Of(Ours).Cluster, out _));
    }

    [Fact]
    public void Another_hosts_file_is_named_with_what_differs()
    {
        Assert.True(Of(Ours).IsBroken(3, [Members.Lines[0]], ByteString.Empty, out string? why));
        Assert.StartsWith(
            "Nodes 0 and 3 have different hosts files: only node 0's lists '1 fed1:7100 fed1:7101'.", why,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Another_cluster_is_named_with_both_ids()
    {
        Assert.True(Of(Ours).IsBroken(1, Members.Lines, Of(Id(2)).Cluster, out string? why));
        Assert.Contains($"Node 0 belongs to cluster {Ours}, node 1 to cluster {Id(2)}", why, StringComparison.Ordinal);
    }

    private static Agreement Of(ClusterId cluster) => new(0, Members, () => cluster);

    private static ClusterId Id(byte value) =>
        ClusterId.FromBytes([.. Enumerable.Repeat(value, ClusterId.Size)]);
}
