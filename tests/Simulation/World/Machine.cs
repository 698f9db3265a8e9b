namespace Quorate.Simulation.World;

/// <summary>
/// A process from its start to its end. It acts on the world only through its seams, and each of them stops when it
/// dies: a dead machine's code may run to its next await, but without any effect.
/// </summary>
internal sealed class Machine
{
    private readonly CancellationTokenSource _death = new();
    private long _pausedUntil;

    public Machine(SimulatedWorld world, int id, string name, TimeSpan clockOffset)
    {
        (World, Id, Name, ClockOffset) = (world, id, name, clockOffset);
        Time = new SimulatedTime(this);
    }

    public SimulatedWorld World { get; }

    /// <summary>Its place in the network, the same for every process there.</summary>
    public int Id { get; }

    public string Name { get; }

    public bool IsAlive => !_death.IsCancellationRequested;

    public bool IsPaused => World.Now < _pausedUntil;

    /// <summary>The error of its wall clock. It may jump; timestamps are not affected.</summary>
    public TimeSpan ClockOffset { get; set; }

    public TimeProvider Time { get; }

    /// <summary>Cancelled when the machine is killed.</summary>
    public CancellationToken Death => _death.Token;

    /// <summary>Runs an action later, unless the machine is dead by then. While it is paused, actions wait.</summary>
    public void After(TimeSpan delay, Action action) => World.After(delay, () => Run(action));

    /// <summary>Never ends on a dead machine.</summary>
    public Task DelayAsync(TimeSpan delay)
    {
        var over = new TaskCompletionSource();
        After(delay, over.SetResult);
        return over.Task;
    }

    public void Pause(TimeSpan length) => _pausedUntil = Math.Max(_pausedUntil, World.Now + length.Ticks);

    public void Kill()
    {
        Note("killed");
        _death.Cancel();
    }

    public void Note(string what) => World.Trace.Add(World.Now, Name, what);

    private void Run(Action action)
    {
        if (!IsAlive) return;
        if (IsPaused) World.After(TimeSpan.FromTicks(_pausedUntil - World.Now), () => Run(action));
        else action();
    }
}
