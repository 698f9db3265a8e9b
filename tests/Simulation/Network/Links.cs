using Quorate.Simulation.World;

namespace Quorate.Simulation.Network;

/// <summary>
/// Which machine reaches which, and how long messages take. Machines are identified by their place: a restarted process
/// takes its predecessor's. A link has one direction; cutting only one of the two is an asymmetric partition.
/// </summary>
internal sealed class Links(SimulatedWorld world)
{
    private readonly Draws _draws = world.Stream("links");
    private readonly HashSet<(int From, int To)> _cut = [];
    private readonly Dictionary<int, Machine> _machines = [];

    /// <summary>The probability that a message or its answer is lost with its connection.</summary>
    public double Loss { get; set; }

    /// <summary>The probability that a message takes 20 to 400 ms instead of about one.</summary>
    public double Slowness { get; set; } = 0.02;

    public void Put(Machine machine) => _machines[machine.Id] = machine;

    public Machine? Find(int id) => _machines.GetValueOrDefault(id) is { IsAlive: true } machine ? machine : null;

    public void Cut(int from, int to) => _cut.Add((from, to));

    public void Heal() => _cut.Clear();

    public bool IsOpen(int from, int to) => !_cut.Contains((from, to));

    /// <summary>Whether both are alive and not paused, and each reaches the other.</summary>
    public bool AreInTouch(int a, int b) =>
        Find(a) is { IsPaused: false } && Find(b) is { IsPaused: false } && IsOpen(a, b) && IsOpen(b, a);

    public TimeSpan Delay() => _draws.Chance(Slowness) ? _draws.Between(20, 400) : _draws.Between(0.1, 3);

    public bool Loses() => _draws.Chance(Loss);

    /// <summary>How long a side takes to notice that nothing arrives any more.</summary>
    public TimeSpan KeepAlive() => _draws.Between(5_000, 10_000);
}
