using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Quorate.Rounds;

/// <summary>The SHA-256 of a blob: its only name. Written as 64 lower-case hexadecimal digits.</summary>
public readonly record struct BlobHash
{
    /// <summary>Bytes in a hash (SHA-256, FIPS 180-4).</summary>
    public const int Size = 32;

    private readonly ulong _a, _b, _c, _d;

    private BlobHash(ReadOnlySpan<byte> bytes)
    {
        _a = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _b = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        _c = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
        _d = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
    }

    /// <summary>The first twelve digits: enough for a person, never for a program.</summary>
    public string Short => ToString()[..12];

    /// <summary>Hashes <paramref name="content"/>.</summary>
    public static BlobHash Of(ReadOnlySpan<byte> content)
    {
        Span<byte> bytes = stackalloc byte[Size];
        SHA256.HashData(content, bytes);
        return new BlobHash(bytes);
    }

    /// <exception cref="FormatException">Not exactly 32 bytes.</exception>
    public static BlobHash FromBytes(ReadOnlySpan<byte> bytes) => bytes.Length == Size
        ? new BlobHash(bytes)
        : throw new FormatException($"A blob hash has {Size} bytes, this one has {bytes.Length}.");

    public static bool TryParse(string? text, out BlobHash hash)
    {
        hash = default;
        Span<byte> bytes = stackalloc byte[Size];
        if (text is not { Length: 2 * Size }) return false;
        for (int i = 0; i < Size; i++)
        {
            int high = Digit(text[2 * i]), low = Digit(text[2 * i + 1]);
            if ((high | low) < 0) return false;
            bytes[i] = (byte)((high << 4) | low);
        }
        hash = new BlobHash(bytes);
        return true;

        static int Digit(char c) => c is >= '0' and <= '9' ? c - '0' : c is >= 'a' and <= 'f' ? c - 'a' + 10 : -1;
    }

    /// <summary>Writes the 32 bytes to the start of <paramref name="destination"/>.</summary>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, _a);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _b);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], _c);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], _d);
    }

    public byte[] ToArray()
    {
        var bytes = new byte[Size];
        CopyTo(bytes);
        return bytes;
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        CopyTo(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}
