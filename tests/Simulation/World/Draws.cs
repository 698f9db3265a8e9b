using Quorate.Rounds;

namespace Quorate.Simulation.World;

/// <summary>Random choices from a seed; a seed always gives the same ones.</summary>
internal sealed class Draws(ulong seed)
{
    private readonly SplitMix64 _numbers = new(seed);

    /// <summary>
    /// An independent stream for each part of the simulation: drawing more from one does not shift the others.
    /// </summary>
    public static Draws Stream(ulong seed, string name) =>
        new(new Draws(name.Aggregate(seed, (mixed, letter) => new Draws(mixed ^ letter).Next())).Next());

    public ulong Next() => _numbers.Next();

    /// <inheritdoc cref="SplitMix64.Below"/>
    public int Below(int count) => _numbers.Below(count);

    public bool Chance(double probability) => _numbers.Share() < probability;

    /// <summary>Evenly between two numbers of milliseconds, in steps of a microsecond.</summary>
    public TimeSpan Between(double fromMs, double toMs) =>
        TimeSpan.FromMicroseconds((fromMs * 1000) + (double)(Next() % (ulong)(((toMs - fromMs) * 1000) + 1)));

    public T Of<T>(IReadOnlyList<T> choices) => choices[Below(choices.Count)];
}
