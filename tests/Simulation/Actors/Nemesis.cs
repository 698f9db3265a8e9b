using Quorate.Simulation.World;

namespace Quorate.Simulation.Actors;

/// <summary>
/// Injects faults, one after another and several at once, until it is told to end. The mix depends on the seed: some
/// seeds mostly kill, others mostly cut connections, so that rare combinations are common in some seeds.
/// </summary>
internal sealed class Nemesis
{
    private readonly SimulatedCluster _cluster;
    private readonly Draws _draws;
    private readonly List<Action> _faults = [];

    /// <summary>The one disk, a minority, whose bits may flip and which may be full.</summary>
    public int Weak { get; }

    private bool _over;

    public Nemesis(SimulatedCluster cluster)
    {
        (_cluster, _draws) = (cluster, cluster.World.Stream("nemesis"));
        Weak = _draws.Below(SimulatedCluster.Nodes);
        (Action Fault, int Weight)[] all =
        [
            (KillLeader, 3), (() => Kill(AnyNode(), power: false), 2), (() => Kill(AnyNode(), power: true), 3),
            (KillAll, 1), (LightFuse, 3), (_cluster.Consensus.Depose, 2), (PauseNode, 2), (CutOff, 3), (CutOneWay, 2),
            (LoseMessages, 2), (SlowMessages, 1), (SpoilWeights, 3), (KillTrainer, 2), (PauseTrainer, 2),
            (JumpClock, 1), (Rot, 2), (FillDisk, 1), (() => _cluster.Network.Links.Heal(), 2),
        ];
        foreach (var (fault, weight) in all)
            _faults.AddRange(Enumerable.Repeat(fault, weight * (_draws.Chance(0.3) ? 4 : _draws.Below(2))));
        if (_faults.Count == 0) _faults.Add(KillLeader);
        Act();
    }

    public void End() => _over = true;

    private SimulatedWorld World => _cluster.World;

    private void Act() => World.After(_draws.Between(20, 900), () =>
    {
        if (_over) return;
        _draws.Of(_faults)();
        Act();
    });

    private int AnyNode() => _draws.Below(SimulatedCluster.Nodes);

    private int AnyTrainer() => _draws.Below(_cluster.Runs[0].Trainers);

    private void Later(double fromMs, double toMs, Action action) => World.After(_draws.Between(fromMs, toMs), () =>
    {
        if (!_over) action();
    });

    private void KillLeader() => Kill(_cluster.Consensus.Leader ?? AnyNode(), power: _draws.Chance(0.5));

    private void Kill(int node, bool power)
    {
        _cluster.Kill(node, power);
        Later(50, 3000, () => _cluster.Start(node));
    }

    private void KillAll()
    {
        World.Trace.Mark("all nodes killed at once");
        bool power = _draws.Chance(0.7);
        for (int node = 0; node < SimulatedCluster.Nodes; node++) Kill(node, power);
    }

    /// <summary>The power fails between two changes of the disk, such as before a flush or after a rename.</summary>
    private void LightFuse()
    {
        int node = AnyNode();
        _cluster.Disks[node].Fuse = (_draws.Below(12), () => Kill(node, power: true));
    }

    private void PauseNode()
    {
        World.Trace.Mark("a node paused");
        _cluster.Coordinators[AnyNode()].Machine.Pause(_draws.Between(100, 6000));
    }

    private void PauseTrainer()
    {
        World.Trace.Mark("a trainer paused");
        _cluster.Trainers[AnyTrainer()].Machine.Pause(_draws.Between(100, 8000));
    }

    private void KillTrainer()
    {
        int trainer = AnyTrainer();
        _cluster.KillTrainer(trainer);
        Later(50, 5000, () => _cluster.StartTrainer(trainer));
    }

    private void CutOff()
    {
        World.Trace.Mark("a node cut off");
        int node = AnyNode();
        foreach (int other in Others(node))
        {
            _cluster.Network.Links.Cut(node, other);
            _cluster.Network.Links.Cut(other, node);
        }
        Later(200, 6000, _cluster.Network.Links.Heal);
    }

    private void CutOneWay()
    {
        World.Trace.Mark("a link cut one way");
        int node = AnyNode();
        var others = Others(node).ToList();
        int other = _draws.Of(others);
        if (_draws.Chance(0.5)) _cluster.Network.Links.Cut(node, other);
        else _cluster.Network.Links.Cut(other, node);
        Later(200, 6000, _cluster.Network.Links.Heal);
    }

    /// <summary>The other nodes, and sometimes the trainers, too.</summary>
    private IEnumerable<int> Others(int node)
    {
        bool trainers = _draws.Chance(0.5);
        return Enumerable.Range(0, SimulatedCluster.Nodes).Where(other => other != node).Concat(
            trainers ? Enumerable.Range(TrainerMachine.FirstPlace, _cluster.Runs[0].Trainers) : []);
    }

    private void LoseMessages()
    {
        _cluster.Network.Links.Loss = 0.02 + _draws.Below(15) / 100.0;
        Later(500, 5000, () => _cluster.Network.Links.Loss = 0);
    }

    private void SlowMessages()
    {
        _cluster.Network.Links.Slowness = 0.3;
        Later(500, 4000, () => _cluster.Network.Links.Slowness = 0.02);
    }

    private void SpoilWeights()
    {
        _cluster.Network.Weights.Cut = _draws.Below(30) / 100.0;
        _cluster.Network.Weights.Corrupt = _draws.Below(30) / 100.0;
        Later(500, 5000, () => (_cluster.Network.Weights.Cut, _cluster.Network.Weights.Corrupt) = (0, 0));
    }

    private void JumpClock()
    {
        World.Trace.Mark("a wall clock jumped");
        var machine = _draws.Chance(0.7)
            ? _cluster.Coordinators[AnyNode()].Machine
            : _cluster.Trainers[AnyTrainer()].Machine;
        machine.ClockOffset = _draws.Between(-3_600_000 / 2, 3_600_000 / 2);
    }

    private void Rot() => _cluster.Disks[Weak].Rot();

    private void FillDisk()
    {
        _cluster.Disks[Weak].IsFull = true;
        Later(300, 4000, () => _cluster.Disks[Weak].IsFull = false);
    }
}
