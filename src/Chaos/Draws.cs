using Quorate.Rounds;

namespace Quorate.Chaos;

/// <summary>Random choices from a seed; a seed always gives the same ones.</summary>
public sealed class Draws(ulong seed)
{
    private readonly SplitMix64 _numbers = new(seed);

    public ulong Next() => _numbers.Next();

    /// <inheritdoc cref="SplitMix64.Below"/>
    public int Below(int count) => _numbers.Below(count);

    /// <inheritdoc cref="SplitMix64.Share"/>
    public double Share() => _numbers.Share();

    /// <summary>From <paramref name="low"/> to <paramref name="high"/>.</summary>
    public TimeSpan Between(TimeSpan low, TimeSpan high) => low + (high - low) * Share();

    /// <summary>
    /// An independent stream for each name: drawing more from one changes no other. Uses FNV-1a of the name.
    /// </summary>
    public static Draws Named(ulong seed, string name)
    {
        ulong hash = name.Aggregate(14695981039346656037, (h, c) => (h ^ c) * 1099511628211);
        return new Draws(Mix(seed, hash));
    }

    /// <summary>A seed that depends on all parts and their order.</summary>
    public static ulong Mix(params ReadOnlySpan<ulong> parts)
    {
        ulong mixed = 0;
        foreach (ulong part in parts) mixed = new Draws(mixed ^ part).Next();
        return mixed;
    }
}
