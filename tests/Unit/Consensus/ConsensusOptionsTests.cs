using Quorate.Coordinator.Consensus;
using Quorate.Shared.Hosts;

namespace Quorate.Unit.Consensus;

public sealed class ConsensusOptionsTests
{
    private static readonly ConsensusOptions Good = new()
    {
        Node = 1, Directory = "data", Members = [At(0, 1001), At(1, 1002), At(2, 1003)],
    };

    private static Member At(int node, int port) => new(node, HostPort.Parse($"127.0.0.1:{port}"));

    private static TimeSpan Ms(int ms) => TimeSpan.FromMilliseconds(ms);

    public static TheoryData<string, ConsensusOptions> Bad => new()
    {
        { "odd number of nodes", Good with { Members = [At(0, 1001), At(1, 1002)] } },
        { "1 to 9 nodes", Good with { Members = [] } },
        { "share an id", Good with { Members = [At(1, 1001), At(1, 1002), At(2, 1003)] } },
        { "share a Raft address", Good with { Members = [At(0, 1001), At(1, 1001), At(2, 1003)] } },
        { "negative", Good with { Members = [At(-1, 1001), At(1, 1002), At(2, 1003)] } },
        { "not a node of", Good with { Node = 3 } },
        { "directory", Good with { Directory = " " } },
        { "electionMin", Good with { ElectionMin = Ms(10) } },
        { "electionMax", Good with { ElectionMax = Good.ElectionMin } },
        { "heartbeatEvery", Good with { HeartbeatEvery = Ms(200) } },
        { "requestTimeout", Good with { RequestTimeout = Good.ElectionMin } },
        { "appendTimeout", Good with { AppendTimeout = Good.RequestTimeout / 2 } },
        { "connectTimeout", Good with { ConnectTimeout = Good.ElectionMin } },
        { "proposeTimeout", Good with { ProposeTimeout = Ms(1) } },
        { "snapshotEvery", Good with { SnapshotEvery = 0 } },
    };

    [Fact]
    public void The_defaults_are_valid() => Assert.True(Good.IsValid(out _));

    /// <summary>Above five seconds the node ended with an unhandled exception: a proposal had less time.</summary>
    [Theory]
    [InlineData(150)]
    [InlineData(300)]
    [InlineData(5_001)]
    [InlineData(60_000)]
    public void Every_election_that_the_flag_allows_gives_valid_options(int ms)
    {
        var options = new Coordinator.Settings.CoordinatorOptions
        {
            Node = 1, Hosts = null!, Run = null, DataDirectory = "data", TrainerPrograms = [], Election = Ms(ms),
        };
        Assert.True(Coordinator.CoordinatorNode.Consensus(options, Good.Members, "data").IsValid(out _));
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public void A_broken_rule_is_named(string named, ConsensusOptions options)
    {
        Assert.False(options.IsValid(out string? error));
        Assert.Contains(named, error, StringComparison.Ordinal);
    }

    /// <summary>Two nodes that may draw the same timeout stand for election together, and the election fails.</summary>
    [Fact]
    public void No_two_nodes_draw_their_timeout_from_overlapping_ranges()
    {
        var own = Good.Members.Select(member => (Good with { Node = member.Id }).OwnElection).ToList();

        Assert.All(own, range => Assert.True(range.Min < range.Max));
        Assert.All(own.Zip(own.Skip(1)), pair => Assert.True(pair.First.Max < pair.Second.Min));
        Assert.Equal(Good.ElectionMin, own[0].Min);
        Assert.True(own[^1].Max <= Good.ElectionMax);
        // The first to stand is refused and stands again long after the last has been elected.
        Assert.True(own[^1].Max < own[0].Min * 2);
    }
}
