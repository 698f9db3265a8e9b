using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Quorate.Coordinator;
using Quorate.Coordinator.Blobs;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Disk;
using Quorate.Coordinator.Doors;
using Quorate.Coordinator.Driving;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Simulation.Disk;
using Quorate.Simulation.Log;
using Quorate.Simulation.Network;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Actors;

/// <summary>
/// One coordinator's process, assembled by the registrations of the real one. Only the log, the disk, the network and
/// the clock are replaced.
/// </summary>
internal sealed class CoordinatorMachine
{
    private static readonly Func<BackgroundService, CancellationToken, Task> _execute =
        typeof(BackgroundService).GetMethod("ExecuteAsync", BindingFlags.Instance | BindingFlags.NonPublic)!
            .CreateDelegate<Func<BackgroundService, CancellationToken, Task>>();

    public CoordinatorMachine(
        Machine machine, SimulatedNetwork network, SimulatedLog log, NodeDisk disk, HostsFile hosts, RunFile run,
        Answers answers, Func<IReplicatedLog, IReplicatedLog> around)
    {
        (Machine, Log) = (machine, log);
        network.Links.Put(machine);
        var options = new CoordinatorOptions
        {
            Node = machine.Id, Hosts = hosts, Run = run, DataDirectory = disk.Root, TrainerPrograms = [],
            // Short, so that much is collected during the faults, but longer than any proposal takes.
            Lease = TimeSpan.FromSeconds(3), CollectAfter = TimeSpan.FromSeconds(8),
        };
        var peers = hosts.Nodes.Where(node => node.Id != machine.Id)
            .Select(node => network.ConnectPeer(machine, node.Id)).ToList();
        var provider = new ServiceCollection()
            .AddSingleton(options).AddSingleton(machine.Time).AddSingleton(around(log)).AddSingleton(machine)
            .AddSingleton(typeof(ILogger<>), typeof(MarkingLogger<>))
            .AddSingleton<IHostApplicationLifetime>(new Lifetime(machine, answers))
            .AddDoors().AddIntake().AddBlobs(options, peers).AddDriving(options).AddEvaluation()
            .AddSingleton<DrawClusterId>(() => ClusterId.FromBytes(
                [(byte)(machine.Id + 1), .. BitConverter.GetBytes(machine.World.Now), .. new byte[7]]))
            .AddSingleton<IDisk>(new SimulatedDisk(disk, machine))
            .AddSingleton(new BlobStoreOptions
            {
                Root = disk.Root, FreeBytesKept = 0, CollectAfter = options.CollectAfter,
            })
            .AddSingleton<Greeting>((_, _) => Task.FromResult(new HelloReply { Node = machine.Id }))
            .BuildServiceProvider();
        Blobs = provider.GetRequiredService<BlobStore>();
        network.Open(new Services(
            machine, provider.GetRequiredService<FederationService>(), provider.GetRequiredService<AdminService>(),
            provider.GetRequiredService<TransferService>(), provider.GetRequiredService<PeersService>(),
            provider.GetRequiredService<StreamServer>()));
        foreach (var service in provider.GetServices<IHostedService>().OfType<BackgroundService>())
            _ = RunAsync(service, answers);
    }

    public Machine Machine { get; }

    public SimulatedLog Log { get; }

    public BlobStore Blobs { get; }

    /// <summary>A background service that ends before its machine would end a real coordinator.</summary>
    private async Task RunAsync(BackgroundService service, Answers answers)
    {
        try
        {
            await Task.Yield();
            await _execute(service, CancellationToken.None);
        }
        catch (Exception e)
        {
            if (Machine.IsAlive) answers.Broken.Add($"{service.GetType().Name} on {Machine.Name} ended: {e}");
        }
    }

    private sealed class Lifetime(Machine machine, Answers answers) : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => new(canceled: true);

        public CancellationToken ApplicationStopping => CancellationToken.None;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() => answers.Broken.Add($"{machine.Name} stopped itself.");
    }
}

/// <summary>
/// A logger that counts events: each log message names a branch of the code, so the log also shows which rare branches
/// a seed took.
/// </summary>
internal sealed class MarkingLogger<T>(Machine machine) : ILogger<T>
{
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (!machine.IsAlive) return;
        machine.World.Trace.Mark($"log {eventId.Name}");
        machine.Note(eventId.Name ?? "");
        machine.World.Trace.Log?.WriteLine($"    {formatter(state, exception)} {exception}");
    }
}
