using System.Net;
using DotNext.Net.Cluster;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Chaos.Network;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Rounds;
using Quorate.Shared.Hosts;

namespace Quorate.Unit.Consensus;

/// <summary>A node may be dialled at another address than the one that identifies it.</summary>
public sealed class DialTests
{
    private static CancellationToken Patience =>
        new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System).Token;

    [Fact]
    public void The_identity_of_a_member_is_its_announced_name_wherever_it_is_dialled()
    {
        var announced = HostPort.Parse("fed2.example:7100");
        var here = RaftNode.EndPointOf(new Member(0, announced));
        var there = RaftNode.EndPointOf(new Member(0, announced, HostPort.Parse("127.0.0.1:9")));
        Assert.Equal(ClusterMemberId.FromEndPoint(here), ClusterMemberId.FromEndPoint(there));
        Assert.NotEqual(ClusterMemberId.FromEndPoint(here), ClusterMemberId.FromEndPoint(
            RaftNode.EndPointOf(new Member(0, HostPort.Parse("fed2.example:7101")))));
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

    /// <summary>Three logs; each dials each other one over its own link.</summary>
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

        /// <summary>The links from and to a node.</summary>
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
                            to, HostPort.Parse($"{_nodes[to]}"),
                            to == node ? null : HostPort.Parse($"{_links[(node, to)].Address}")))],
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
