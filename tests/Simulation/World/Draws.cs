namespace Quorate.Simulation.World;

/// <summary>
/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for a seed for ever, which System.Random does not promise.
/// </summary>
internal sealed class Draws(ulong seed)
{
    private ulong _state = seed;

    /// <summary>
    /// A stream of its own for each part of the simulation, so that a draw more in one does not shift the others.
    /// </summary>
    public static Draws Stream(ulong seed, string name) =>
        new(new Draws(name.Aggregate(seed, (mixed, letter) => new Draws(mixed ^ letter).Next())).Next());

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>0 to <paramref name="below"/> - 1.</summary>
    public int Below(int below) => (int)(Next() % (ulong)below);

    public bool Chance(double probability) => (Next() >> 11) * (1.0 / (1UL << 53)) < probability;

    /// <summary>Evenly between two numbers of milliseconds, in steps of a microsecond.</summary>
    public TimeSpan Between(double fromMs, double toMs) =>
        TimeSpan.FromMicroseconds((fromMs * 1000) + (double)(Next() % (ulong)(((toMs - fromMs) * 1000) + 1)));

    public T Of<T>(IReadOnlyList<T> choices) => choices[Below(choices.Count)];
}
