using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Consensus.DotNext;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Doors;
using Quorate.Coordinator.Driving;
using Quorate.Coordinator.Peering;
using Quorate.Coordinator.Settings;
using Quorate.Shared.Hosts;

namespace Quorate.Coordinator;

/// <summary>
/// One coordinator, assembled in the order in which data flows through it: doors, intake, consensus, blobs, driving,
/// evaluation.
/// <para>
/// The order of the start matters. A node with an empty directory answers only Hello until a majority has enrolled it.
/// Then its log opens and it votes. Its other services open last, so no request meets a node without a state.
/// </para>
/// </summary>
internal sealed class CoordinatorNode(
    CoordinatorOptions options, DataDirectory data, Action<ILoggingBuilder> logging, HostNames? names = null)
{
    /// <summary>Streams on one connection. Ten thousand trainers may share a few connections.</summary>
    private const int StreamsMax = 20_000;

    /// <summary>
    /// How long calls in progress may continue after SIGTERM: enough for a download's next parts. Every transfer can be
    /// resumed elsewhere.
    /// </summary>
    private static readonly TimeSpan _drainTimeout = TimeSpan.FromSeconds(2);

    private readonly TimeProvider _time = TimeProvider.System;
    private readonly HostNames _names = names ?? HostNames.System;
    private volatile ReplicatedLog? _log;
    private IPEndPoint? _listenAt;

    /// <summary>Runs until <paramref name="stopping"/>, or until the node stops itself; the exit code.</summary>
    public async Task<int> RunAsync(CancellationToken stopping)
    {
        var enrolment = Enrolment.Open(
            data.Path, _time, options.Hosts.Nodes.Select(node => node.Id).Where(id => id != options.Node));
        using var loggers = LoggerFactory.Create(logging);
        var agreement = new Agreement(
            options.Node, MemberList.Of(options.Hosts), () => _log?.State.Id ?? default);
        using var peers = new PeerConnections(options, agreement, _names);
        try
        {
            await using var hello = await JoinAsync(enrolment, agreement, peers, loggers, stopping);
            return await ServeAsync(enrolment, agreement, peers, hello, loggers, stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return ExitCode.Stopped;
        }
    }

    /// <summary>
    /// Joins the cluster. A node with a new directory or a changed hosts file answers only Hello until it may vote.
    /// </summary>
    /// <returns>The server that answers Hello, to be stopped once the log is open; null if the node voted before.
    /// </returns>
    private async Task<WebApplication?> JoinAsync(
        Enrolment enrolment, Agreement agreement, PeerConnections peers, ILoggerFactory loggers,
        CancellationToken token)
    {
        var probe = new RaftProbe(Consensus(enrolment, agreement), loggers.CreateLogger<RaftProbe>(), _time);
        var vote = new FirstVote(options, enrolment, peers, _time, loggers.CreateLogger<FirstVote>())
        {
            OtherObjections = probe.ObjectionsAsync,
        };
        if (!data.Fresh && (enrolment.AgreedMembers ?? agreement.Members).IsSameAs(agreement.Members))
        {
            await vote.VerifyIdentityAsync(token);
            enrolment.Agree(agreement.Members); // A directory of an earlier build has no list yet.
            return null;
        }
        var builder = await CreateBuilderAsync(token);
        builder.Services.AddSingleton(Authorizer.WithoutCertificates).AddSingleton(new HelloResponder(
                options.Node, options.FeatureLevel, enrolment, agreement, peers, log: null,
                loggers.CreateLogger<HelloResponder>()))
            .AddSingleton<HelloOnly>();
        var app = builder.Build();
        bool joined = false;
        try
        {
            app.MapGrpcService<HelloOnly>();
            Health.Map(app, log: null);
            await StartAsync(app, token);
            await vote.EarnAsync(token);
            enrolment.Agree(agreement.Members);
            data.Settle();
            joined = true;
            return app;
        }
        finally
        {
            if (!joined) await app.DisposeAsync();
        }
    }

    private async Task<int> ServeAsync(
        Enrolment enrolment, Agreement agreement, PeerConnections peers, WebApplication? hello, ILoggerFactory loggers,
        CancellationToken token)
    {
        var builder = await CreateBuilderAsync(token);
        var broken = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        DiskWatch.MakeRoom(data.Path, DiskWatch.Measure);
        await using var log = await OpenLogAsync(
            enrolment, agreement, loggers, e => broken.TrySetResult(e), token);
        _log = log;
        // Until here it told others with which members this node joined; from here on Raft does.
        if (hello is not null) await hello.StopAsync(token);

        builder.Services
            .AddSingleton<IReplicatedLog>(log).AddSingleton<StepDown>(log.ResignAsync)
            .AddSingleton(enrolment).AddSingleton(peers).AddSingleton<GreetPeers>(peers.HelloAllAsync)
            .AddSingleton(new HelloResponder(
                options.Node, options.FeatureLevel, enrolment, agreement, peers, log,
                loggers.CreateLogger<HelloResponder>()))
            .AddDoors().AddIntake().AddBlobs(options, peers.All).AddDriving(options).AddEvaluation()
            .AddHostedService<LateEnrolment>().AddHostedService<LaggardWatch>().AddHostedService<ClusterWatch>()
            .AddHostedService<LevelRaiser>().AddHostedService<Trimming>();
        await using var app = builder.Build();
        var emergency = app.Services.GetRequiredService<EmergencyStop>();
        app.MapGrpcService<FederationService>();
        app.MapGrpcService<AdminService>();
        app.MapGrpcService<TransferService>();
        app.MapGrpcService<PeersService>();
        Health.Map(app, log);
        await StartAsync(app, token);
        _ = StopOnceBrokenAsync(broken.Task, emergency);
        // A leader steps down first: while it drained its calls, it would lead and serve no one. Uploads in progress
        // continue at the next leader, from the bytes that are stored.
        var left = Task.CompletedTask;
        await using var leave = app.Lifetime.ApplicationStopping.Register(() => left = log.DisposeAsync().AsTask());
        await using var stop = token.Register(app.Lifetime.StopApplication);
        await app.WaitForShutdownAsync(CancellationToken.None);
        await left;
        return ExitCode.Of(emergency.Code, app.Services.GetServices<IHostedService>());
    }

    /// <summary>If the log broke because the disk is full, the sentence says so and how to fix it.</summary>
    private async Task StopOnceBrokenAsync(Task<Exception> broken, EmergencyStop emergency)
    {
        var why = await broken;
        emergency.Broken(
            DiskWatch.IsFull(data.Path, DiskWatch.Measure, out string? full) ? new IOException(full, why) : why);
    }

    private async Task<ReplicatedLog> OpenLogAsync(
        Enrolment enrolment, Agreement agreement, ILoggerFactory loggers, Action<Exception> onBroken,
        CancellationToken token)
    {
        var own = options.Hosts.Node(options.Node).Raft;
        try
        {
            var listen = await OwnAddress.ResolveAsync(_names, options.Node, own, loggers, _time, token);
            return await ReplicatedLog.StartAsync(
                Consensus(enrolment, agreement) with { Listen = listen }, loggers, _time, onBroken, token);
        }
        catch (Exception e) when (ListenException.Cause(e) is { } cause)
        {
            throw new ListenException("raft", options.Node, options.Hosts.Node(options.Node).Raft, cause);
        }
    }

    private ConsensusOptions Consensus(Enrolment enrolment, Agreement agreement)
    {
        var members = options.Hosts.Nodes.Select(node => new Member(node.Id, node.Raft, options.Reached(node).Raft));
        return Consensus(options, [.. members], data.Path) with
        {
            Names = _names, MemberHash = agreement.Members.Hash,
            Identity = enrolment.Identity, EnrolledIdentity = enrolment.IdentityOf,
        };
    }

    /// <summary>All time limits follow from the election timeout; a proposal outlasts two elections.</summary>
    internal static ConsensusOptions Consensus(
        CoordinatorOptions options, IReadOnlyList<Member> members, string directory)
    {
        var election = options.Election;
        var consensus = new ConsensusOptions
        {
            Node = options.Node, Members = members, Directory = directory,
            SnapshotEvery = options.SnapshotEvery, ElectionMin = election, ElectionMax = election * 1.5,
            HeartbeatEvery = election / 4, RequestTimeout = election * 0.8, ConnectTimeout = election * 0.5,
            AppendTimeout = election * 5,
        };
        return election * 3 <= consensus.ProposeTimeout ? consensus : consensus with { ProposeTimeout = election * 3 };
    }

    private async Task<WebApplicationBuilder> CreateBuilderAsync(CancellationToken token)
    {
        using var loggers = LoggerFactory.Create(logging);
        var address = options.Hosts.Node(options.Node).Grpc;
        var listenAt = await OwnAddress.ResolveAsync(_names, options.Node, address, loggers, _time, token);
        _listenAt = listenAt;
        // An empty builder: no appsettings.json, no ASPNETCORE_ or DOTNET_ variable changes what a coordinator does.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRoutingCore();
        logging(builder.Logging);
        builder.Services.AddSingleton(options).AddSingleton(_time);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = _drainTimeout);
        builder.Services.AddGrpc(KestrelLimits.Apply);
        var limits = ListenerLimits.OfProcess();
        builder.Services.AddSingleton<IConnectionListenerFactory>(provider => new Listener(
            limits, provider.GetService<StreamServer>, _time, provider.GetRequiredService<ILoggerFactory>()));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            KestrelLimits.Apply(kestrel);
            kestrel.AddServerHeader = false;
            kestrel.Limits.Http2.MaxStreamsPerConnection = StreamsMax;
            kestrel.Listen(listenAt, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(new HttpOneEndPoint(), listen => listen.Protocols = HttpProtocols.Http1);
        });
        return builder;
    }

    private async Task StartAsync(WebApplication app, CancellationToken token)
    {
        try
        {
            // A start that fails later logs pages of stack traces, from services that have started by then.
            using (SocketTransportOptions.CreateDefaultBoundListenSocket(_listenAt!)) { }
            await app.StartAsync(token);
        }
        catch (Exception e) when (ListenException.Cause(e) is { } cause)
        {
            throw new ListenException("grpc", options.Node, options.Hosts.Node(options.Node).Grpc, cause);
        }
    }
}

/// <summary>The disk is too full to run; the message is one sentence for the operator.</summary>
internal sealed class DiskFullException(string message) : Exception(message);
