using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Quorate.Trainer.Learning;

/// <summary>
/// The random choices of a run: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
/// OOPSLA 2014). Our own, because the same seed must give the same numbers in every version of .NET and of libtorch.
/// </summary>
internal sealed class Randomness(ulong seed)
{
    private ulong _state = seed;

    /// <summary>
    /// The generator of one purpose, such as the shuffling of one trainer's one round. Purposes never share numbers:
    /// the seed is the first 8 bytes (little-endian) of the SHA-256 of purpose, run seed and particulars, joined by
    /// line feeds.
    /// </summary>
    public static Randomness For(string purpose, ulong runSeed, params ReadOnlySpan<object> particulars)
    {
        var text = new StringBuilder(FormattableString.Invariant($"quorate\n{purpose}\n{runSeed}"));
        foreach (object particular in particulars)
            text.Append(FormattableString.Invariant($"\n{particular}"));
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()));
        return new Randomness(BinaryPrimitives.ReadUInt64LittleEndian(hash));
    }

    /// <summary>Any 64 bits.</summary>
    public ulong Next()
    {
        ulong z = _state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    /// <summary>0..<paramref name="bound"/>-1. The bias, below bound / 2^64, is far below a data set's own noise.
    /// </summary>
    public int Below(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>At least -1, below 1, in steps of 2^-23 and so exact in a float.</summary>
    public float Signed() => ((Next() >> 40) / (float)(1 << 23)) - 1;

    /// <summary>0..<paramref name="count"/>-1 in a random order (Fisher and Yates).</summary>
    public int[] Permutation(int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        for (int left = count; left > 1; left--)
        {
            int chosen = Below(left);
            (order[left - 1], order[chosen]) = (order[chosen], order[left - 1]);
        }

        return order;
    }
}
