using Quorate.Coordinator.Consensus;

namespace Quorate.Unit.Consensus;

public sealed class JoinRuleTests
{
    private static readonly PeerAnswer Fresh0 = new(0, Fresh: true, KnowsAnother: false, Term: 0, Leader: null);
    private static readonly PeerAnswer Fresh1 = Fresh0 with { Node = 1 };
    private static readonly PeerAnswer Old0 = new(0, Fresh: false, KnowsAnother: false, Term: 7, Leader: 0);
    private static readonly PeerAnswer Old1 = Old0 with { Node = 1 };

    private static JoinDecision Decide(bool fresh = true, bool rejoin = false, int nodes = 3, params PeerAnswer[] answers) =>
        JoinRule.Decide(2, fresh, rejoin, nodes, answers);

    [Fact]
    public void A_node_that_kept_its_directory_starts_at_once() => Assert.IsType<JoinDecision.Start>(Decide(fresh: false));

    [Fact]
    public void A_new_cluster_starts_as_soon_as_a_majority_is_there()
    {
        Assert.IsType<JoinDecision.Wait>(Decide());
        Assert.IsType<JoinDecision.Start>(Decide(answers: Fresh0));
        Assert.IsType<JoinDecision.Wait>(Decide(nodes: 5, answers: Fresh0));
        Assert.IsType<JoinDecision.Start>(Decide(nodes: 5, answers: [Fresh0, Fresh1]));
        Assert.IsType<JoinDecision.Start>(Decide(nodes: 1));
    }

    [Fact]
    public void A_latecomer_to_a_running_cluster_starts_once_all_say_that_they_never_met_it()
    {
        Assert.IsType<JoinDecision.Wait>(Decide(answers: Old0));
        Assert.IsType<JoinDecision.Start>(Decide(answers: [Old0, Old1]));
        Assert.IsType<JoinDecision.Start>(Decide(answers: [Old0, Fresh1]));
    }

    [Fact]
    public void A_node_that_lost_its_directory_is_refused_without_rejoin()
    {
        var refusal = Assert.IsType<JoinDecision.Refuse>(Decide(answers: [Old0 with { KnowsAnother = true }, Old1]));
        Assert.Contains("--rejoin", refusal.Why, StringComparison.Ordinal);
        Assert.IsType<JoinDecision.Refuse>(Decide(answers: [Fresh0, Fresh1 with { KnowsAnother = true }]));
    }

    [Fact]
    public void Rejoining_waits_until_most_peers_hear_one_leader_in_one_term()
    {
        var a = Old0 with { KnowsAnother = true };
        var b = Old1 with { KnowsAnother = true };
        Assert.IsType<JoinDecision.Wait>(Decide(rejoin: true, answers: a));
        Assert.IsType<JoinDecision.Wait>(Decide(rejoin: true, answers: [a, b with { Term = 8 }]));
        Assert.IsType<JoinDecision.Wait>(Decide(rejoin: true, answers: [a, b with { Leader = 1 }]));
        Assert.IsType<JoinDecision.Wait>(Decide(rejoin: true, answers: [a with { Leader = null }, b with { Leader = null }]));
        Assert.IsType<JoinDecision.Wait>(Decide(rejoin: true, answers: [a with { Leader = 2 }, b with { Leader = 2 }]));
        Assert.IsType<JoinDecision.Start>(Decide(rejoin: true, answers: [a, b]));
        Assert.IsType<JoinDecision.Wait>(Decide(rejoin: true, nodes: 5, answers: [a, b]));
        Assert.IsType<JoinDecision.Start>(Decide(rejoin: true, nodes: 5, answers: [a, b, a with { Node = 3 }]));
    }
}
