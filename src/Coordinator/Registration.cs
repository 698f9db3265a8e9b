using System.Security.Cryptography;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Doors;
using Quorate.Coordinator.Driving;
using Quorate.Coordinator.Evaluation;
using Quorate.Coordinator.Intake;
using Quorate.Coordinator.Peering;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator;

/// <summary>What each folder contributes, a line for each part.</summary>
internal static class Registration
{
    public static IServiceCollection AddDoors(this IServiceCollection services) => services
        .AddSingleton(Authorizer.WithoutCertificates)
        .AddSingleton<LeaderGate>()
        .AddSingleton<FederationService>()
        .AddSingleton<AdminService>()
        .AddSingleton<TransferService>().AddSingleton<TransferBase>(p => p.GetRequiredService<TransferService>())
        .AddSingleton<PeersService>().AddSingleton<PeersBase>(p => p.GetRequiredService<PeersService>())
        .AddSingleton<Greeting>(provider => provider.GetRequiredService<HelloResponder>().AnswerAsync)
        .AddSingleton<StreamServer>()
        .AddSingleton<StreamFailed>(provider => provider.GetRequiredService<ILogger<StreamServer>>().CallFailed);

    public static IServiceCollection AddIntake(this IServiceCollection services) => services
        .AddSingleton<OperatorNotices>()
        .AddSingleton<CallLimits>()
        .AddSingleton<Attendance>()
        .AddSingleton<LostUpdates>()
        .AddSingleton<StatusView>()
        .AddSingleton<UpdateIntake>()
        .AddSingleton<RunSignal>().AddHostedService(provider => provider.GetRequiredService<RunSignal>())
        .AddHostedService<Leases>();

    public static IServiceCollection AddBlobs(
        this IServiceCollection services, CoordinatorOptions options, IReadOnlyList<Peer> peers) => services
        .AddSingleton(new BlobStoreOptions { Root = options.DataDirectory, CollectAfter = options.CollectAfter })
        .AddSingleton(new ReplicationOptions { UpdateCopies = options.Durability == Durability.Leader ? 1 : null })
        .AddSingleton(peers)
        .AddSingleton<IDisk, RealDisk>()
        .AddSingleton<BlobStore>()
        .AddSingleton<Replication>()
        .AddSingleton<BlobReceiver>()
        .AddSingleton<Puller>().AddHostedService(provider => provider.GetRequiredService<Puller>())
        .AddHostedService<Scrub>()
        .AddHostedService<Collector>();

    public static IServiceCollection AddDriving(this IServiceCollection services, CoordinatorOptions options)
    {
        services
            .AddSingleton<FreshState>()
            .AddSingleton<BlobReferences>()
            .AddSingleton<WantedBlobs>(provider => provider.GetRequiredService<BlobReferences>().Wanted)
            .AddSingleton<ReferencedBlobs>(provider => provider.GetRequiredService<BlobReferences>().KeptAsync)
            .AddSingleton<EmergencyStop>()
            .AddSingleton<DrawClusterId>(
                () => ClusterId.FromBytes(RandomNumberGenerator.GetBytes(ClusterId.Size)))
            .AddSingleton<MeasureDisk>(DiskWatch.Measure)
            .AddHostedService<DiskWatch>()
            .AddHostedService<PullOnChange>()
            .AddHostedService<RoundCleanup>()
            .AddSingleton<StepLoop>()
            .AddSingleton<ModelBuilder>()
            .AddSingleton<DriverOf>(
                provider => run => ActivatorUtilities.CreateInstance<RunDriver>(provider, run))
            .AddHostedService<RunDrivers>()
            .AddHostedService<ClusterChores>()
            .AddHostedService<LostLeaders>();
        return options.Verify ? services.AddHostedService<Recompute>() : services;
    }

    public static IServiceCollection AddEvaluation(this IServiceCollection services) => services
        .AddSingleton<TrainerProgram>()
        .AddHostedService<Scorer>();
}
