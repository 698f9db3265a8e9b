using Google.Protobuf;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Unit.Hosts;

public sealed class MemberListTests
{
    private static readonly MemberList One = new(["0 fed0:7100 fed0:7101", "1 fed1:7100 fed1:7101"]);

    [Fact]
    public void The_order_of_the_file_does_not_matter_and_every_name_does()
    {
        var a = MemberList.Of(Hosts("fed0", "fed1", "fed2"));
        var b = MemberList.Of(HostsFile.Parse(Hosts("fed0", "fed1", "fed2").Json));
        Assert.True(a.IsSameAs(b));
        Assert.Equal(a.Hash.ToArray(), b.Hash.ToArray());
        Assert.False(a.IsSameAs(MemberList.Of(Hosts("fed0", "fed1", "fed3"))));
        Assert.NotEqual(a.Hash.ToArray(), MemberList.Of(Hosts("fed0", "fed1", "Fed2")).Hash.ToArray());
    }

    [Fact]
    public void A_difference_names_what_only_one_lists()
    {
        var other = new MemberList(["0 fed0:7100 fed0:7101", "1 fed9:7100 fed9:7101"]);
        Assert.Equal(
            "only node 0's lists '1 fed1:7100 fed1:7101'; only node 3's lists '1 fed9:7100 fed9:7101'",
            One.DifferenceFrom(other, 0, 3));
    }

    /// <summary>The other list comes from the network.</summary>
    [Fact]
    public void Control_characters_of_another_node_are_not_shown() =>
        Assert.DoesNotContain('\u001b', One.DifferenceFrom(new MemberList(["\u001b[2J"]), 0, 3));

    [Fact]
    public void Different_chain_hashes_at_one_index_are_different_histories()
    {
        var sentence = Assert.Single(Histories.Differences([Reply(0, (7, 1), (8, 2)), Reply(3, (8, 3), (9, 4))]));
        Assert.Contains("nodes 0 and 3 disagree at log index 8", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Nodes_of_one_history_at_different_indexes_agree() =>
        Assert.Empty(Histories.Differences([Reply(0, (7, 1), (8, 2)), Reply(1, (8, 2), (9, 3)), Reply(2)]));

    [Fact]
    public void Different_member_lists_are_different_clusters()
    {
        var other = Reply(3);
        other.Members.Add("0 fed0:7100 fed0:7101");
        Assert.Contains("different hosts files", Assert.Single(Histories.Differences([Reply(0), other])),
            StringComparison.Ordinal);
    }

    private static HelloReply Reply(int node, params (long Index, byte Hash)[] chain)
    {
        var reply = new HelloReply { Node = node };
        reply.Chain.AddRange(chain.Select(
            link => new ChainLink { Index = link.Index, Hash = ByteString.CopyFrom(link.Hash) }));
        return reply;
    }

    private static HostsFile Hosts(params string[] names)
    {
        var nodes = names.Index().Reverse().Select(
            n => $$"""{ "id": {{n.Index}}, "raft": "{{n.Item}}:1", "grpc": "{{n.Item}}:2" }""");
        return HostsFile.Parse($$"""{ "nodes": [{{string.Join(", ", nodes)}}] }""");
    }
}
