using System.Net;
using System.Net.Sockets;
using DotNext.Net.Cluster;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Chaos.Network;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;

namespace Quorate.Unit.Consensus;

/// <summary>A node may be reached elsewhere than at the address that it is known by.</summary>
public sealed class DialTests
{
    private static readonly IPEndPoint Announced = new(IPAddress.Parse("10.1.2.3"), 7100);

    private static CancellationToken Patience =>
        new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System).Token;

    [Fact]
    public void Who_a_member_is_does_not_depend_on_where_it_is_dialled()
    {
        var here = new MemberEndPoint(new Member(0, Announced));
        var there = new MemberEndPoint(new Member(0, Announced, new IPEndPoint(IPAddress.Loopback, 9)));
        Assert.Equal(here, there);
        Assert.Equal(here.GetHashCode(), there.GetHashCode());
        Assert.Equal(ClusterMemberId.FromEndPoint(here), ClusterMemberId.FromEndPoint(there));
        Assert.NotEqual(ClusterMemberId.FromEndPoint(here), ClusterMemberId.FromEndPoint(
            new MemberEndPoint(new Member(0, new IPEndPoint(Announced.Address, 7101)))));
        Assert.Equal("10.1.2.3:7100", there.ToString());
    }

    [Theory]
    [InlineData("10.1.2.3")]
    [InlineData("fd00::1")]
    public async Task A_socket_connects_to_the_dialled_address(string announced)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        var member = new Member(
            0, new IPEndPoint(IPAddress.Parse(announced), 7100), (IPEndPoint)listener.LocalEndpoint);
        await socket.ConnectAsync(new MemberEndPoint(member), Patience);
        using var accepted = await listener.AcceptSocketAsync(Patience);
        Assert.True(accepted.Connected);
    }

    [Fact]
    public async Task Nodes_that_reach_each_other_over_links_elect_and_replicate_and_a_held_leader_is_replaced()
    {
        var token = Patience;
        await using var cluster = new LinkedCluster();
        await cluster.StartAsync(token);
        int leader = await cluster.LeaderAsync(except: null, token);
        Assert.Equal(Verdict.Accepted, (await cluster[leader].ProposeAsync(Commands.Open(), token)).Verdict);
        // A commit needs one follower; the other may not even be connected yet.
        Assert.Contains(cluster.LinksOf(leader), link => link.There.Passed > 0);

        foreach (var link in cluster.LinksOf(leader))
            link.There.Weather = link.Back.Weather = new Weather { Held = true };

        int next = await cluster.LeaderAsync(except: leader, token);
        Assert.Equal(Verdict.Duplicate, (await cluster[next].ProposeAsync(Commands.Open(), token)).Verdict);
    }

    /// <summary>Three logs; each dials each other one over a link of its own.</summary>
    private sealed class LinkedCluster : IAsyncDisposable
    {
        private readonly TemporaryDirectory _root = new();
        private readonly IPEndPoint[] _nodes = [.. LoopbackCluster.FreePorts(3).Select(
            port => new IPEndPoint(IPAddress.Loopback, port))];
        private readonly Dictionary<(int From, int To), Link> _links = [];
        private readonly List<ReplicatedLog> _logs = [];

        public LinkedCluster()
        {
            foreach (int from in Enumerable.Range(0, 3))
                foreach (int to in Enumerable.Range(0, 3).Where(to => to != from))
                    _links[(from, to)] = new Link(0, _nodes[to], 1, TimeProvider.System);
        }

        public ReplicatedLog this[int node] => _logs[node];

        /// <summary>From and to a node.</summary>
        public IEnumerable<Link> LinksOf(int node) =>
            _links.Where(link => link.Key.From == node || link.Key.To == node).Select(link => link.Value);

        public async Task StartAsync(CancellationToken token)
        {
            for (int node = 0; node < 3; node++)
                _logs.Add(await ReplicatedLog.StartAsync(
                    new ConsensusOptions
                    {
                        Node = node, Directory = Path.Combine(_root.Path, $"{node}"),
                        Members = [.. Enumerable.Range(0, 3).Select(to => new Member(
                            to, _nodes[to], to == node ? null : _links[(node, to)].Address))],
                    },
                    NullLoggerFactory.Instance, TimeProvider.System, _ => { }, token));
        }

        public async Task<int> LeaderAsync(int? except, CancellationToken token)
        {
            while (true)
            {
                for (int node = 0; node < 3; node++)
                    if (node != except && _logs[node].Leadership.IsLeader) return node;
                token.ThrowIfCancellationRequested();
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, token);
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var link in _links.Values) await link.DisposeAsync();
            foreach (var log in _logs) await log.DisposeAsync();
            _root.Dispose();
        }
    }
}
