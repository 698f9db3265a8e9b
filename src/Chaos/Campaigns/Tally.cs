using System.Collections.Concurrent;

namespace Quorate.Chaos.Campaigns;

/// <summary>What has happened so far. A fault counts once it has happened, not when it is drawn.</summary>
public sealed class Tally(TimeProvider time, Action<string> say)
{
    public const string Kills = "kills", Pauses = "pauses", Partitions = "partitions", Delays = "delays",
        Resets = "resets", TrainerKills = "trainer kills", Cuts = "cuts", Stalls = "stalls", Flips = "flipped bits",
        Twins = "twins", DiskFaults = "disk faults";

    private readonly ConcurrentDictionary<string, int> _counts = new();
    private readonly Lock _disturbing = new();
    private readonly long _started = time.GetTimestamp();
    private int _active;
    private long _disturbances;

    /// <summary>Seconds from the kill of a leader to the next accepted update, without another fault between.</summary>
    public ConcurrentBag<double> Failovers { get; } = [];

    public int this[string fault] => _counts.GetValueOrDefault(fault);

    public TimeSpan Elapsed => time.GetElapsedTime(_started);

    /// <summary>Changes with every fault other than a kill; null while such a fault is active.</summary>
    public long? Calm
    {
        get
        {
            lock (_disturbing) return _active == 0 ? _disturbances : null;
        }
    }

    public void Count(string fault, int times = 1)
    {
        if (times > 0) _counts.AddOrUpdate(fault, times, (_, count) => count + times);
    }

    public void Say(string line) => say($"{Elapsed:hh\\:mm\\:ss\\.ff} {line}");

    /// <summary>A fault other than a kill begins; disposing of the result ends it.</summary>
    public IDisposable Disturb()
    {
        lock (_disturbing) (_active, _disturbances) = (_active + 1, _disturbances + 1);
        return new Disturbance(this);
    }

    public override string ToString() => string.Join(", ", _counts.OrderBy(c => c.Key, StringComparer.Ordinal).Select(
        c => $"{c.Value} {c.Key}"));

    private sealed class Disturbance(Tally tally) : IDisposable
    {
        public void Dispose()
        {
            lock (tally._disturbing) tally._active--;
        }
    }
}
