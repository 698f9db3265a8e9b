namespace Quorate.Chaos;

/// <summary>
/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for a seed for ever, which System.Random does not promise.
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

    /// <summary>A seed that depends on every one of the parts and on their order.</summary>
    public static ulong Mix(params ReadOnlySpan<ulong> parts)
    {
        ulong mixed = 0;
        foreach (ulong part in parts) mixed = new Draws(mixed ^ part).Next();
        return mixed;
    }
}
