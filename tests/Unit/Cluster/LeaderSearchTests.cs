using System.Net;
using System.Net.Sockets;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;

namespace Quorate.Unit.Cluster;

public sealed class LeaderSearchTests
{
    [Fact]
    public async Task A_leader_is_found_while_another_node_hangs()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 1);
        // Like a stopped process: the kernel accepts the connection, and no answer ever comes.
        using var hung = new TcpListener(IPAddress.Loopback, 0);
        hung.Start();
        var hosts = HostsFile.Parse($$"""
            { "nodes": [
              { "id": 7, "raft": "127.0.0.1:1", "grpc": "127.0.0.1:{{((IPEndPoint)hung.LocalEndpoint).Port}}" },
              { "id": 0, "raft": "127.0.0.1:2", "grpc": "{{cluster.Hosts.Node(0).Grpc}}" },
              { "id": 8, "raft": "127.0.0.1:3", "grpc": "127.0.0.1:9" }
            ] }
            """);
        using var connections = new ClusterConnections(hosts, TimeProvider.System)
        {
            StatusTimeout = TimeSpan.FromMinutes(10), // A client that waited for the hanging node would never return.
        };

        var leader = await connections.FindLeaderAsync(CancellationToken.None).WaitAsync(TestCluster.Patience);

        Assert.Equal(0, leader?.Id);
    }

    [Fact]
    public async Task A_node_that_does_not_lead_says_so_when_it_has_waited_long_enough()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 3);
        var leader = await cluster.LeaderAsync();
        var follower = cluster.Connections.Nodes.First(node => node.Id != leader.Id);

        var no = await follower.Federation.WhoLeadsAsync(new WhoLeadsRequest { WaitMs = 1 });
        var yes = await leader.Federation.WhoLeadsAsync(new WhoLeadsRequest());

        Assert.False(no.Leader);
        Assert.True(yes.Leader);
        Assert.True(yes.Term > 0);
    }

    [Fact]
    public async Task A_waiting_client_learns_of_the_next_leader_from_that_leader()
    {
        await using var cluster = await TestCluster.StartAsync(nodes: 3);
        var leader = await cluster.LeaderAsync();
        await cluster.StopAsync(leader.Id);

        var next = await cluster.LeaderAsync();

        Assert.NotEqual(leader.Id, next.Id);
    }
}
