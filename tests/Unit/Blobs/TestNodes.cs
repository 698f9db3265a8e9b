using System.Collections.Concurrent;
using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Doors;
using Quorate.Coordinator.Intake;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Shared.Transfer.Streams;
using Quorate.Unit.Consensus;

namespace Quorate.Unit.Blobs;

/// <summary>
/// Coordinators' blob services in this process, over real sockets on free ports. Each can be made to misbehave.
/// </summary>
internal sealed class TestNodes : IAsyncDisposable
{
    private readonly TestDirectory _directory = new();

    public List<TestNode> All { get; } = [];

    public TestNode this[int id] => All[id];

    /// <param name="time">The clock by which the services measure silence; null: the system's.</param>
    public static async Task<TestNodes> StartAsync(int count = 3, TimeProvider? time = null)
    {
        var nodes = new TestNodes();
        for (int id = 0; id < count; id++) nodes.All.Add(
            await TestNode.StartAsync(id, nodes._directory, time ?? TimeProvider.System));
        foreach (var node in nodes.All)
            node.Peers.AddRange(nodes.All.Where(other => other != node).Select(
                other => new Peer(other.Id, other.Invoker)));
        return nodes;
    }

    public string File(byte[] content) => _directory.File(content);

    public string NewPath() => Path.Combine(_directory.Root, Guid.NewGuid().ToString("N"));

    public async ValueTask DisposeAsync()
    {
        foreach (var node in All) await node.DisposeAsync();
        _directory.Dispose();
    }
}

internal sealed class TestNode : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestNode(int id, TestDirectory directory, TimeProvider time)
    {
        Id = id;
        Store = directory.Store($"node-{id}");
        Replication = new Replication(Store, Peers, Options, TimeProvider.System, NullLogger<Replication>.Instance);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            KestrelLimits.Apply(kestrel);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddSingleton<IConnectionListenerFactory>(provider => new Listener(
            new ListenerLimits(), provider.GetService<StreamServer>, TimeProvider.System, NullLoggerFactory.Instance));
        builder.Services.AddGrpc(KestrelLimits.Apply);
        var receiver = new BlobReceiver(Store, Replication, time);
        var log = new IdleLog();
        var gate = new LeaderGate(log, TestOptions.Of(node: 0));
        builder.Services.AddSingleton(Authorizer.WithoutCertificates);
        builder.Services.AddSingleton(new FaultyTransfer(this, receiver, gate, time));
        builder.Services.AddSingleton(new FaultyPeers(this, new PeersService(
            receiver, (_, _) => Task.FromResult(new HelloReply { Node = id }), gate, log,
            new CallLimits(TimeProvider.System), Options, time)));
        builder.Services.AddSingleton(provider => new StreamServer(
            provider.GetRequiredService<FaultyTransfer>(), provider.GetRequiredService<FaultyPeers>(),
            Authorizer.WithoutCertificates, time, Failures.Enqueue));
        _app = builder.Build();
        _app.MapGrpcService<FaultyTransfer>();
        _app.MapGrpcService<FaultyPeers>();
    }

    public static ReplicationOptions Options { get; } = new()
    {
        StallTimeout = TimeSpan.FromSeconds(1), AnswerTimeout = TimeSpan.FromSeconds(30),
            SenderTimeout = TimeSpan.FromSeconds(30),
    };

    public int Id { get; }
    public BlobStore Store { get; }
    public List<Peer> Peers { get; } = [];
    public Replication Replication { get; }
    public GrpcChannel Channel { get; private set; } = null!;
    public StreamConnections Streams { get; private set; } = null!;
    public CallInvoker Invoker => new StreamInvoker(Streams, Channel.CreateCallInvoker());
    public TransferClient Client => new(Invoker);
    public PeersClient PeersClient => new(Invoker);

    public StreamServer StreamServer => _app.Services.GetRequiredService<StreamServer>();

    /// <summary>The same service, over gRPC.</summary>
    public TransferClient GrpcClient => new(Channel.CreateCallInvoker());

    /// <summary>What the node would log as its own failures.</summary>
    public ConcurrentQueue<Exception> Failures { get; } = [];

    /// <summary>Files given to the commit.</summary>
    public List<string> Committed { get; } = [];

    public Func<UploadHeader, VerdictReply?> Admit { get; set; } = _ => null;
    public Func<UploadHeader, string, VerdictReply> Commit { get; set; } = null!;

    /// <summary>
    /// Called for each part that this node is about to send in a download, with its number over all downloads. May
    /// throw.
    /// </summary>
    public Action<int, Part> Sending { get; set; } = (_, _) => { };

    /// <summary>
    /// Called for each part that this node received by PutBlob or Upload. May throw, or never complete.
    /// </summary>
    public Func<int, CancellationToken, Task> Received { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>Offset and length of every requested download.</summary>
    public List<(long Offset, long Length)> Downloads { get; } = [];

    public static async Task<TestNode> StartAsync(int id, TestDirectory directory, TimeProvider time)
    {
        var node = new TestNode(id, directory, time);
        node.Commit = (_, path) =>
        {
            node.Committed.Add(path);
            return new VerdictReply { Verdict = VerdictCode.Accepted };
        };
        await node._app.StartAsync();
        var url = new Uri(node._app.Urls.Single());
        node.Channel = Channels.Create(url.ToString());
        node.Streams = new StreamConnections(url.Host, url.Port);
        return node;
    }

    public Task StopAsync() => _app.StopAsync(new CancellationToken(canceled: true));

    public async ValueTask DisposeAsync()
    {
        Streams.Dispose();
        Channel.Dispose();
        await StopAsync();
        await _app.DisposeAsync();
        Store.Dispose();
    }

    /// <summary>TransferService with the tests' hooks instead of UpdateIntake.</summary>
    private sealed class FaultyTransfer(TestNode node, BlobReceiver receiver, LeaderGate gate, TimeProvider time)
        : TransferBase
    {
        private int _sent;

        public override async Task Download(DownloadRequest request, IServerStreamWriter<Part> parts,
            ServerCallContext context)
        {
            lock (node.Downloads) node.Downloads.Add((request.Offset, request.Length));
            using var guard = new StallGuard(Options.SenderTimeout, time, context.CancellationToken);
            await BlobSending.SendAsync(node.Store, request, new Writer(this, node, parts), guard);
        }

        public override async Task<VerdictReply> Offer(UploadHeader header, ServerCallContext context) =>
            !Wire.TryParse(header, out IncomingBlob blob, out string flaw) ? Wire.Rejected(flaw)
            : node.Admit(header) is { } answer ? answer
            : Wire.Incomplete(await receiver.HaveAsync(blob, context.CancellationToken), "");

        public override Task<VerdictReply> Upload(IAsyncStreamReader<Part> parts, ServerCallContext context) =>
            gate.AnswerAsync(async () =>
            {
                using var guard = new StallGuard(Options.SenderTimeout, time, context.CancellationToken);
                var reader = new Reader(node, parts);
                using var first = await BlobReceiver.NextAsync(reader, guard) ? reader.Current : null;
                var header = first?.Header;
                if (!Wire.TryParse(header, out IncomingBlob blob, out string flaw)) return Wire.Rejected(flaw);
                if (node.Admit(header!) is { } answer) return answer;
                var receipt = await receiver.ReceiveAsync(blob, node.Replication.Majority, first!, reader, guard);
                return receipt.Kind == ReceiptKind.Stored
                    ? node.Commit(header!, node.Store.PathOf(blob.Hash))
                    : TransferService.ToReply(new UploadAnswer.NotStored(receipt));
            });

        private sealed class Writer(FaultyTransfer owner, TestNode node, IServerStreamWriter<Part> inner)
            : IServerStreamWriter<Part>
        {
            public WriteOptions? WriteOptions { get; set; }

            public Task WriteAsync(Part message) => WriteAsync(message, default);

            public Task WriteAsync(Part message, CancellationToken cancellationToken)
            {
                node.Sending(Interlocked.Increment(ref owner._sent), message);
                return inner.WriteAsync(message, cancellationToken);
            }
        }
    }

    private sealed class FaultyPeers(TestNode node, PeersService inner) : PeersBase
    {
        public override Task<VerdictReply> PutBlob(IAsyncStreamReader<Part> parts, ServerCallContext context) =>
            inner.PutBlob(new Reader(node, parts), context);

        public override Task<HelloReply> Hello(HelloRequest request, ServerCallContext context) =>
            inner.Hello(request, context);

        public override Task<BarrierReply> Barrier(BarrierRequest request, ServerCallContext context) =>
            inner.Barrier(request, context);
    }

    private sealed class Reader(TestNode node, IAsyncStreamReader<Part> inner) : IAsyncStreamReader<Part>
    {
        private int _received;

        public Part Current => inner.Current;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (!await inner.MoveNext(cancellationToken)) return false;
            await node.Received(++_received, cancellationToken);
            return true;
        }
    }

    /// <summary>Leads, and has an empty state.</summary>
    private sealed class IdleLog : StubLog
    {
        public override ClusterState State => ClusterState.Empty;
        public override Leadership Leadership => new(0, 1, CancellationToken.None);
    }
}

internal static class TestOptions
{
    public static CoordinatorOptions Of(int node) => new()
    {
        Node = node, Run = null, DataDirectory = "", TrainerPrograms = [], Lease = TimeSpan.FromSeconds(10),
        Hosts = HostsFile.Parse("""{ "nodes": [ { "id": 0, "raft": "127.0.0.1:1", "grpc": "127.0.0.1:2" } ] }"""),
    };
}
