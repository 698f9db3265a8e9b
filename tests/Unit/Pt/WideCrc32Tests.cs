using System.IO.Hashing;
using Quorate.Pt;
using static Quorate.Unit.Blobs.TestBlobs;

namespace Quorate.Unit.Pt;

public sealed class WideCrc32Tests
{
    [Fact]
    public void The_standard_check_value_is_right()
    {
        Assert.Equal(0xCBF43926u, WideCrc32.Of("123456789"u8)); // The check value of CRC-32/ISO-HDLC.
        Assert.Equal(0u, WideCrc32.Of([]));
        Assert.Equal(0u, new WideCrc32().Current);
    }

    [Fact]
    public void It_equals_the_library_for_every_length()
    {
        byte[] bytes = Bytes(2000);
        for (int length = 0; length <= bytes.Length; length++)
            Assert.Equal(Crc32.HashToUInt32(bytes.AsSpan(0, length)), WideCrc32.Of(bytes.AsSpan(0, length)));
    }

    [Fact]
    public void It_does_not_depend_on_how_the_message_is_split()
    {
        byte[] bytes = Bytes(10_000);
        uint whole = Crc32.HashToUInt32(bytes);
        var crc = new WideCrc32();
        for (int seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            for (int at = 0, length; at < bytes.Length; at += length)
            {
                length = Math.Min(random.Next(seed % 2 == 0 ? 6 : 700), bytes.Length - at);
                crc.Append(bytes.AsSpan(at, length));
                if (seed < 20) Assert.Equal(Crc32.HashToUInt32(bytes.AsSpan(0, at + length)), crc.Current);
            }
            Assert.Equal(whole, crc.Current);
            crc.Reset();
        }
    }

    [Fact]
    public void Every_flipped_bit_changes_it()
    {
        byte[] bytes = Bytes(1024);
        uint whole = WideCrc32.Of(bytes);
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.NotEqual(whole, WideCrc32.Of(bytes));
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }
}
