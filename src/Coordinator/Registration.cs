using System.Security.Cryptography;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Driving;
using Quorate.Coordinator.Evaluation;
using Quorate.Coordinator.Intake;
using Quorate.Coordinator.Peering;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Coordinator;

/// <summary>What each folder brings, a line a part.</summary>
internal static class Registration
{
    public static IServiceCollection AddIntake(this IServiceCollection services) => services
        .AddSingleton<OperatorNotices>()
        .AddSingleton<Attendance>()
        .AddSingleton<LeaderGate>()
        .AddSingleton<LostUpdates>()
        .AddSingleton<StatusView>()
        .AddSingleton<UpdateIntake>()
        .AddSingleton<RunSignal>().AddHostedService(provider => provider.GetRequiredService<RunSignal>())
        .AddHostedService<Leases>();

    public static IServiceCollection AddBlobs(
        this IServiceCollection services, CoordinatorOptions options, IReadOnlyList<Peer> peers) => services
        .AddSingleton(new BlobStoreOptions { Root = options.DataDirectory })
        .AddSingleton(new ReplicationOptions { UpdateCopies = options.Durability == Durability.Leader ? 1 : null })
        .AddSingleton(peers)
        .AddSingleton<IDisk, RealDisk>()
        .AddSingleton<BlobStore>()
        .AddSingleton<Replication>()
        .AddSingleton<FreshState>()
        .AddSingleton<BlobReferences>()
        .AddSingleton<TransferService>()
        .AddSingleton<PeersService>()
        .AddSingleton(provider =>
        {
            var logger = provider.GetRequiredService<ILogger<StreamServer>>();
            return new StreamServer(
                provider.GetRequiredService<TransferService>(), provider.GetRequiredService<PeersService>(),
                provider.GetRequiredService<TimeProvider>(), logger.CallFailed);
        })
        .AddSingleton<ReadBarrier>(provider => token => provider.GetRequiredService<LeaderGate>().LeadAsync(
            async () => (await provider.GetRequiredService<IReplicatedLog>().ReadAsync(token)).Index))
        .AddSingleton<Greeting>(provider =>
            (hello, _) => new(provider.GetRequiredService<HelloResponder>().Answer(hello)))
        .AddSingleton(provider =>
        {
            var intake = provider.GetRequiredService<UpdateIntake>();
            return new UploadRules
            {
                Admit = intake.Admit, CommitAsync = intake.CommitAsync,
                Group = new GroupCommit(provider.GetRequiredService<TimeProvider>()),
            };
        })
        .AddSingleton(provider => ActivatorUtilities.CreateInstance<Puller>(
            provider, (Func<IReadOnlyCollection<WantedBlob>>)provider.GetRequiredService<BlobReferences>().Wanted))
        .AddHostedService(provider => provider.GetRequiredService<Puller>())
        .AddHostedService<PullOnChange>()
        .AddHostedService<RoundCleanup>()
        .AddHostedService<Scrub>()
        .AddHostedService(provider => ActivatorUtilities.CreateInstance<Collector>(
            provider, (Func<CancellationToken,
                ValueTask<IReadOnlySet<BlobHash>?>>)provider.GetRequiredService<BlobReferences>().KeptAsync,
            options.CollectAfter));

    public static IServiceCollection AddDriving(this IServiceCollection services, CoordinatorOptions options)
    {
        services
            .AddSingleton<EmergencyStop>()
            .AddSingleton<DrawClusterId>(
                () => ClusterId.FromBytes(RandomNumberGenerator.GetBytes(ClusterId.Size)))
            .AddHostedService<DiskWatch>()
            .AddHostedService<RoundDriver>()
            .AddHostedService<LostLeaders>();
        return options.Verify ? services.AddHostedService<Recompute>() : services;
    }

    public static IServiceCollection AddEvaluation(this IServiceCollection services) => services
        .AddSingleton<TrainerProgram>()
        .AddHostedService<Scorer>();
}
