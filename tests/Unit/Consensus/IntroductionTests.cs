using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;
using Quorate.Shared.Hosts;

namespace Quorate.Unit.Consensus;

/// <summary>What two nodes say before the Raft protocol starts, and what they make of it.</summary>
public sealed class IntroductionTests
{
    private static readonly byte[] Members = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    private static CancellationToken Patience =>
        new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System).Token;

    [Fact]
    public void An_introduction_reads_back()
    {
        var sent = new Introduction(1, 2, 0xfeed, UInt128.MaxValue, Members, Refusal.Identity);
        var read = Introduction.Parse(sent.ToBytes());
        Assert.Equal(sent with { Members = default }, read with { Members = default });
        Assert.Equal(Members, read.Members.ToArray());
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(6, 9)]
    [InlineData(72, 255)]
    public void Anything_else_is_refused(int at, byte value)
    {
        byte[] bytes = new Introduction(1, 2, 3, 4, Members, Refusal.None).ToBytes();
        bytes[at] = value;
        Assert.Throws<InvalidDataException>(() => Introduction.Parse(bytes));
        Assert.Throws<InvalidDataException>(() => Introduction.Parse(bytes.AsSpan(1)));
    }

    [Fact]
    public void A_member_of_the_same_cluster_is_accepted() => Assert.Equal(Refusal.None, Judge(Good));

    [Fact]
    public void Another_member_list_is_refused() =>
        Assert.Equal(Refusal.Members, Judge(Good with { Members = new byte[32] }));

    [Fact]
    public void Another_cluster_is_refused_and_an_unknown_one_is_not()
    {
        Assert.Equal(Refusal.Cluster, Judge(Good with { Cluster = 8 }));
        Assert.Equal(Refusal.None, Judge(Good with { Cluster = 0 }));
    }

    [Theory]
    [InlineData(1, 0)] // It wanted node 0.
    [InlineData(2, 2)] // It claims this node's id.
    [InlineData(5, 2)] // It is no member.
    public void A_caller_with_a_wrong_id_is_refused(int from, int to) =>
        Assert.Equal(Refusal.WrongNode, Judge(Good with { From = from, To = to }));

    [Fact]
    public void Another_node_than_the_dialled_one_is_refused() =>
        Assert.Equal(Refusal.WrongNode, Judge(Good, expected: 0));

    [Fact]
    public void Another_data_directory_than_the_enrolled_one_is_refused()
    {
        Assert.Equal(Refusal.Identity, Judge(Good with { Identity = 12 }));
        Assert.Equal(Refusal.None, Judge(Good with { From = 0, Identity = 12 }));
    }

    /// <summary>Anybody can introduce itself as any node; the list of reported nodes must not grow with that.</summary>
    [Fact]
    public void Strangers_are_reported_up_to_a_limit()
    {
        var lines = new Lines();
        var introductions = new Introductions(Options, () => UInt128.Zero, lines);
        for (int stranger = 100; stranger < 1100; stranger++) introductions.Report(stranger, Refusal.WrongNode);
        Assert.InRange(lines.Count, 1, 32);

        int before = lines.Count;
        introductions.Report(0, Refusal.Identity); // Members always are.
        Assert.Equal(before + 1, lines.Count);
    }

    [Fact]
    public async Task A_node_with_another_member_list_gets_no_leader_and_disturbs_none()
    {
        var token = Patience;
        await using var cluster = new NamedCluster();
        for (int node = 0; node < 3; node++) cluster.Move(node, $"127.0.5.{node + 1}");
        await cluster.StartAsync(0, token, options => options with { MemberHash = Members });
        await cluster.StartAsync(1, token, options => options with { MemberHash = Members });
        await cluster.ProposeAsync(Commands.Open(), token);
        long term = cluster[0].Leadership.Term;

        await cluster.StartAsync(2, token);
        while (!cluster.Lines(2).Any(line => line.StartsWith("Node 0 refuses", StringComparison.Ordinal))
            || !cluster.Lines(0).Any(line => line.StartsWith("Refusing Raft connections with node 2",
                StringComparison.Ordinal)))
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, token);

        Assert.Null(cluster[2].Leadership.LeaderNode);
        Assert.Equal(0, cluster[2].State.Index);
        Assert.Equal(term, cluster[0].Leadership.Term);
        Assert.Contains(cluster.Lines(0), line => line.Contains("list different members", StringComparison.Ordinal));
    }

    /// <summary>Its services may not answer Hello yet, but a node that votes answers on its Raft port.</summary>
    [Fact]
    public async Task A_node_that_has_not_voted_learns_on_the_Raft_port_that_another_has_another_member_list()
    {
        var token = Patience;
        await using var cluster = new NamedCluster();
        for (int node = 0; node < 3; node++) cluster.Move(node, $"127.0.7.{node + 1}");
        await cluster.StartAsync(0, token);
        var same = new RaftProbe(cluster.Options(2), NullLogger.Instance, TimeProvider.System);
        var other = new RaftProbe(
            cluster.Options(2) with { MemberHash = Members }, NullLogger.Instance, TimeProvider.System);

        Assert.Empty(await same.ObjectionsAsync(token));
        Assert.StartsWith("Nodes 2 and 0 have different hosts files", Assert.Single(await other.ObjectionsAsync(token)),
            StringComparison.Ordinal);
    }

    /// <summary>Node 2 brings the data directory of another cluster.</summary>
    [Fact]
    public async Task A_node_with_the_data_of_another_cluster_is_refused()
    {
        var token = Patience;
        await using var cluster = new NamedCluster();
        for (int node = 0; node < 3; node++) cluster.Move(node, $"127.0.6.{node + 1}");
        await cluster.StartAsync(2, token, options => options with { Members = [options.Members[2]] });
        await cluster.ProposeAsync(new Command.NameCluster(Id(2), 1), token);
        await cluster.StopAsync(2);
        await cluster.StartAsync(0, token);
        await cluster.StartAsync(1, token);
        await cluster.ProposeAsync(new Command.NameCluster(Id(1), 1), token);
        foreach (int node in new[] { 0, 1 }) await cluster[node].ChangedAsync(0, token);

        await cluster.StartAsync(2, token);
        while (!cluster.Lines(2).Any(line => line.Contains("different clusters", StringComparison.Ordinal)))
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, token);

        Assert.Null(cluster[2].Leadership.LeaderNode);
        Assert.Equal(Id(2), cluster[2].State.Id);
    }

    private static ClusterId Id(byte value) => ClusterId.FromBytes([.. Enumerable.Repeat(value, ClusterId.Size)]);

    private static Introduction Good => new(1, 2, 11, 7, Members, Refusal.None);

    private static ConsensusOptions Options => new()
    {
        Node = 2, Directory = "data", MemberHash = Members,
        Members = [.. Enumerable.Range(0, 3).Select(id => new Member(id, HostPort.Parse($"fed{id}:7100")))],
        EnrolledIdentity = node => node == 1 ? 11ul : 0,
    };

    private static Refusal Judge(Introduction other, int? expected = null) =>
        new Introductions(Options, () => 7, NullLogger.Instance).Judge(other, expected);

    private sealed class Lines : ILogger
    {
        public int Count { get; private set; }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Count++;
    }
}
