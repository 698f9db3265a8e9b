using System.Buffers.Binary;
using System.Globalization;

namespace Quorate.Rounds;

/// <summary>
/// A cluster's random 128-bit id, drawn by its first leader: it tells two clusters with the same addresses apart.
/// Written as 32 lower-case hexadecimal digits. The default value means "not named yet".
/// </summary>
public readonly record struct ClusterId
{
    public const int Size = 16;

    private readonly UInt128 _value;

    private ClusterId(UInt128 value) => _value = value;

    public bool IsSet => _value != 0;

    /// <exception cref="FormatException">Not exactly 16 bytes.</exception>
    public static ClusterId FromBytes(ReadOnlySpan<byte> bytes) => bytes.Length == Size
        ? new ClusterId(BinaryPrimitives.ReadUInt128BigEndian(bytes))
        : throw new FormatException($"A cluster id has {Size} bytes, this one has {bytes.Length}.");

    public static bool TryParse(string? text, out ClusterId id)
    {
        bool valid = UInt128.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            && text.Length == 2 * Size;
        id = valid ? new ClusterId(value) : default;
        return valid;
    }

    public override string ToString() => _value.ToString("x32", CultureInfo.InvariantCulture);

    internal void CopyTo(Span<byte> destination) => BinaryPrimitives.WriteUInt128BigEndian(destination, _value);
}
