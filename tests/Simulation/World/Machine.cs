namespace Quorate.Simulation.World;

/// <summary>
/// A process from its start to its end. It acts on the world through its seams only, and each of them ends with it: a
/// dead machine's code may still run to its next await, but nobody can tell.
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

    /// <summary>How far its wall clock is off. It may jump; what is measured by timestamps may not notice.</summary>
    public TimeSpan ClockOffset { get; set; }

    public TimeProvider Time { get; }

    /// <summary>Cancelled when the machine is killed.</summary>
    public CancellationToken Death => _death.Token;

    /// <summary>What happens here then, unless the machine is dead by then; while it is paused, all waits.</summary>
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
