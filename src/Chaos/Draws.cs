namespace Quorate.Chaos;

/// <summary>
/// SplitMix64 (Steele, Lea, Flood 2014): a seed always gives the same numbers, which System.Random does not promise.
/// </summary>
public sealed class Draws(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>0 to <paramref name="below"/> - 1.</summary>
    public int Below(int below) => (int)(Next() % (ulong)below);

    /// <summary>From 0 to below 1.</summary>
    public double Share() => (Next() >> 11) * (1.0 / (1UL << 53));

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
