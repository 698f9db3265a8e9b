using Quorate.Coordinator.Consensus;
using Quorate.Rounds;
using Quorate.Shared.Hosts;
using Quorate.Shared.Runs;
using Quorate.Simulation.Disk;
using Quorate.Simulation.Log;
using Quorate.Simulation.Network;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Actors;

/// <summary>What a test breaks on purpose, to prove that the checks catch it.</summary>
internal sealed record Breakage
{
    public Applying Apply { get; init; } = RoundMachine.Apply;

    public Func<IReplicatedLog, IReplicatedLog> Log { get; init; } = log => log;

    /// <summary>The disks report a flush without doing it.</summary>
    public bool LyingDisks { get; init; }
}

/// <summary>Coordinators and trainers; each place in the network has at most one living process.</summary>
internal sealed class SimulatedCluster
{
    public const int Nodes = 3;

    private readonly CoordinatorMachine[] _coordinators = new CoordinatorMachine[Nodes];
    private readonly TrainerMachine[] _trainers;
    private readonly Snapshot?[] _snapshots = new Snapshot?[Nodes];
    private readonly TimeSpan[] _clocks = new TimeSpan[Nodes];
    private readonly Breakage _breakage;
    private readonly HostsFile _hosts;
    private readonly RunFile _file;
    private readonly string _folder;
    private ulong _incarnation;

    public SimulatedCluster(SimulatedWorld world, IReadOnlyList<SimulatedRun> runs, Breakage breakage, string folder)
    {
        (World, Runs, _breakage, _folder) = (world, runs, breakage, folder);
        var links = new Links(world);
        Network = new SimulatedNetwork(world, links);
        Consensus = new Consensus(world, links, Nodes);
        _hosts = HostsFile.Parse("{ \"nodes\": [" + string.Join(", ", Enumerable.Range(0, Nodes).Select(
            id => $$"""{ "id": {{id}}, "raft": "10.0.0.{{id + 1}}:1", "grpc": "10.0.0.{{id + 1}}:2" }""")) + "] }");
        _file = RunFile.Parse(runs[0].Json);
        Disks = [.. Enumerable.Range(0, Nodes).Select(
            id => new NodeDisk(world, Path.Combine(folder, $"node-{id}")) { Lies = breakage.LyingDisks })];
        foreach (var disk in Disks) Directory.CreateDirectory(disk.Root);
        _trainers = new TrainerMachine[runs[0].Trainers];
        for (int id = 0; id < Nodes; id++) Start(id);
        for (int trainer = 0; trainer < runs[0].Trainers; trainer++) StartTrainer(trainer);
    }

    public SimulatedWorld World { get; }

    /// <summary>The run that the coordinators open, and those that the operator opens.</summary>
    public IReadOnlyList<SimulatedRun> Runs { get; }

    public SimulatedNetwork Network { get; }

    public Consensus Consensus { get; }

    /// <summary>The state machine that every coordinator runs.</summary>
    public Applying Apply => _breakage.Apply;

    public IReadOnlyList<NodeDisk> Disks { get; }

    public Answers Answers { get; } = new();

    public IReadOnlyList<CoordinatorMachine> Coordinators => _coordinators;

    public IReadOnlyList<TrainerMachine> Trainers => _trainers;

    public string Folder => _folder;

    /// <summary>Starts a coordinator unless it is alive.</summary>
    public void Start(int id)
    {
        if (_coordinators[id] is { Machine.IsAlive: true }) return;
        var machine = new Machine(World, id, $"node-{id}", _clocks[id]);
        machine.Note("starts");
        var log = new SimulatedLog(machine, Consensus, _breakage.Apply, _snapshots[id]);
        _coordinators[id] = new CoordinatorMachine(
            machine, Network, log, Disks[id], _hosts, _file, Answers, _breakage.Log);
    }

    public void StartTrainer(int trainer)
    {
        if (_trainers[trainer] is { Machine.IsAlive: true }) return;
        _trainers[trainer] = new TrainerMachine(
            Network, Runs, trainer, ++_incarnation, Nodes, Path.Combine(_folder, $"trainer-{trainer}"), TimeSpan.Zero,
            Answers);
    }

    public void Kill(int id, bool power)
    {
        if (_coordinators[id] is not { Machine.IsAlive: true } dying) return;
        _snapshots[id] = dying.Log.LastSnapshot;
        _clocks[id] = dying.Machine.ClockOffset;
        dying.Machine.Kill();
        Disks[id].Fuse = null;
        if (power) Disks[id].LosePower();
    }

    public void KillTrainer(int trainer) => _trainers[trainer].Machine.Kill();

    /// <summary>Ends all faults and starts all processes.</summary>
    public void Heal()
    {
        Network.Links.Heal();
        (Network.Links.Loss, Network.Links.Slowness) = (0, 0.02);
        (Network.Weights.Cut, Network.Weights.Corrupt) = (0, 0);
        for (int id = 0; id < Nodes; id++)
        {
            (Disks[id].IsFull, Disks[id].Fuse) = (false, null);
            Start(id);
        }
        for (int trainer = 0; trainer < Runs[0].Trainers; trainer++) StartTrainer(trainer);
    }
}
