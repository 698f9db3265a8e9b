namespace Quorate.Rounds;

/// <summary>
/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): the same numbers
/// for the same seed on every machine and every version of .NET, which System.Random does not promise.
/// </summary>
public sealed class SplitMix64(ulong seed)
{
    private ulong _state = seed;

    /// <summary>Any 64 bits.</summary>
    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>0 to <paramref name="count"/> - 1. The bias is below <paramref name="count"/> / 2^64.</summary>
    public int Below(int count) => (int)(Next() % (ulong)count);

    /// <summary>0 to 1, the 1 excluded, in steps of 2^-53.</summary>
    public double Share() => (Next() >> 11) * (1.0 / (1UL << 53));

    public bool OneIn(int count) => Below(count) == 0;

    public T Pick<T>(params ReadOnlySpan<T> choices) => choices[Below(choices.Length)];
}
