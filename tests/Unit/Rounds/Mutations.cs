using System.Buffers.Binary;
using Quorate.Rounds;

namespace Quorate.Unit.Rounds;

/// <summary>
/// Valid bytes with damage that gets past the first checks: flipped bits, lost and doubled stretches, absurd counts.
/// </summary>
internal static class Mutations
{
    /// <summary>A damaged copy of <paramref name="valid"/>; rarely, one that is whole.</summary>
    public static byte[] Of(byte[] valid, SplitMix64 random)
    {
        var bytes = new List<byte>(valid);
        for (int n = 1 + random.Below(3); n > 0 && bytes.Count > 0; n--) Damage(bytes, random);
        return [.. bytes];
    }

    private static void Damage(List<byte> bytes, SplitMix64 random)
    {
        int at = random.Below(bytes.Count);
        int length = 1 + random.Below(Math.Min(40, bytes.Count - at));
        switch (random.Below(6))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Below(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next();
                break;
            case 2:
                bytes.RemoveRange(at, length);
                break;
            case 3:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 4:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            default:
                OverwriteNumber(bytes, at, random);
                break;
        }
    }

    private static void OverwriteNumber(List<byte> bytes, int at, SplitMix64 random)
    {
        Span<byte> number = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(
            number, random.Pick(0, 1, -1, int.MaxValue, int.MinValue, bytes.Count, 20_000, 100_001));
        for (int i = 0; i < number.Length && at + i < bytes.Count; i++) bytes[at + i] = number[i];
    }
}
