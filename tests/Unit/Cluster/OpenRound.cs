using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Unit.Cluster;

/// <summary>
/// One coordinator with round 1 open for anna and bert, for tests that do not change it, and ways to send it input that
/// our clients would not send.
/// </summary>
public sealed class OpenRound : IAsyncLifetime
{
    private const string TwoTrainers =
        """{ "name": "test", "rounds": 2, "minTrainers": 2, "minResults": 2, "seed": 1, "keepUpdateRounds": 2 }""";

    private TestCluster _cluster = null!;
    private GrpcChannel _channel = null!;

    internal TestTrainer Anna { get; private set; } = null!;
    internal NodeConnection Node => _cluster[0];
    internal Federation.FederationClient Federation => Node.Federation;
    internal TransferClient Transfer => new(_channel.CreateCallInvoker());
    internal PeersClient Peers => new(_channel.CreateCallInvoker());

    public async Task InitializeAsync()
    {
        _cluster = await TestCluster.StartAsync(nodes: 1, TwoTrainers);
        _channel = Channels.Create($"http://{_cluster.Hosts.Nodes[0].Grpc}");
        await _cluster.StatusAsync(run => run.Phase == RunPhase.Preparing, "the run");
        Anna = new TestTrainer(Node, "anna", incarnation: 1);
        Assert.Equal(VerdictCode.Accepted, (await TestTrainer.SeedAsync(Node, TestTrainer.Weights(0))).Verdict);
        await Anna.JoinAsync();
        await new TestTrainer(Node, "bert", incarnation: 2).JoinAsync();
        await _cluster.StatusAsync(run => run.Phase == RunPhase.Training, "round 1");
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _cluster.DisposeAsync();
    }

    /// <summary>
    /// The runs, and the chain hash at their index. A fact that the state machine refused may be in the log and in the
    /// chain, but never in the runs.
    /// </summary>
    internal async Task<(string Runs, long Index, string Chain)> StateAsync()
    {
        var status = await Federation.StatusAsync(new StatusRequest());
        foreach (var trainer in status.Run.Trainers) (trainer.SilentMs, trainer.Activity) = (0, Activity.Idle);
        return (status.Run.ToString(), status.Index, status.Chain.ToBase64());
    }

    /// <summary>Sends messages over gRPC, as a client without weight streams does.</summary>
    internal async Task<VerdictReply> UploadAsync(params Part[] parts)
    {
        using var call = new TransferClient(_channel.CreateCallInvoker()).Upload(CancellationToken.None);
        return await SendAsync(call, parts);
    }

    internal async Task<VerdictReply> PutAsync(params Part[] parts)
    {
        using var call = Peers.PutBlob(CancellationToken.None);
        return await SendAsync(call, parts);
    }

    internal async Task<VerdictReply> DownloadAsync(DownloadRequest request)
    {
        using var call = new TransferClient(_channel.CreateCallInvoker()).Download(request, CancellationToken.None);
        await call.ResponseStream.MoveNext(CancellationToken.None);
        return new VerdictReply { Reason = "bytes were served" };
    }

    internal async Task<VerdictReply> AttendAsync(Heartbeat heartbeat)
    {
        using var call = Federation.Attend();
        await call.RequestStream.WriteAsync(heartbeat);
        bool announced = await call.ResponseStream.MoveNext(CancellationToken.None);
        await call.RequestStream.CompleteAsync();
        bool member = announced && call.ResponseStream.Current.Runs[0].Member;
        return new VerdictReply { Reason = member ? "a member" : "no member" };
    }

    /// <summary>Bytes to the gRPC or the Raft port, until the other side closes.</summary>
    internal async Task<VerdictReply> RawAsync(byte[] bytes, bool raft)
    {
        Node node = _cluster.Hosts.Nodes[0];
        var address = raft ? node.Raft : node.Grpc;
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Parse(address.Host), address.Port);
        try
        {
            await socket.SendAsync(bytes);
            socket.Shutdown(SocketShutdown.Send);
            using var bound = new CancellationTokenSource(TestCluster.Patience);
            while (await socket.ReceiveAsync(new byte[4096], bound.Token) > 0) { }
        }
        catch (SocketException)
        {
            // Closed before everything was read.
        }
        return new VerdictReply { Reason = "closed" };
    }

    /// <summary>A part as its sender describes it.</summary>
    internal static Part PartOf(byte[] data, UploadHeader? header = null, long offset = 0, bool damaged = false)
    {
        var part = Part.Rent(data.Length);
        data.CopyTo(part.Room.Span);
        part.Fill(offset, data.Length);
        if (damaged) part.Room.Span[0] ^= 1;
        part.Header = header;
        return part;
    }

    private static async Task<VerdictReply> SendAsync(AsyncClientStreamingCall<Part, VerdictReply> call, Part[] parts)
    {
        try
        {
            foreach (var part in parts)
                using (part)
                    await call.RequestStream.WriteAsync(part);
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or IOException or InvalidOperationException)
        {
            // It answered before everything was sent; the answer says why.
        }
        return await call.ResponseAsync.WaitAsync(TestCluster.Patience);
    }
}
