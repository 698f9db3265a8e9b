namespace Quorate.Simulation.World;

/// <summary>A machine's clock: timestamps are simulated time, the wall clock may be wrong, and timers end with the
/// machine.</summary>
internal sealed class SimulatedTime(Machine machine) : TimeProvider
{
    private static readonly DateTimeOffset _epoch = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => machine.World.Now;

    public override DateTimeOffset GetUtcNow() => _epoch.AddTicks(machine.World.Now) + machine.ClockOffset;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(machine, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>
    /// Postponing a timer, as every part of a transfer does, costs no event: the pending event checks the due time when
    /// it happens, and is repeated at the new time.
    /// </summary>
    private sealed class Timer(Machine machine, TimerCallback callback, object? state) : ITimer
    {
        private const long Never = long.MaxValue;

        private long _due = Never, _waking = Never;
        private TimeSpan _period;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _due = dueTime == Timeout.InfiniteTimeSpan ? Never : machine.World.Now + dueTime.Ticks;
            _period = period;
            Wake();
            return true;
        }

        public void Dispose() => _due = Never;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Wake()
        {
            if (_due >= _waking || _due == Never) return;
            long at = _waking = _due;
            machine.After(TimeSpan.FromTicks(at - machine.World.Now), () =>
            {
                if (_waking != at) return;
                _waking = Never;
                if (machine.World.Now >= _due) Fire();
                Wake();
            });
        }

        private void Fire()
        {
            bool again = _period != Timeout.InfiniteTimeSpan && _period > TimeSpan.Zero;
            _due = again ? machine.World.Now + _period.Ticks : Never;
            callback(state);
        }
    }
}
