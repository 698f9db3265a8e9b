using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Quorate.Pt;

/// <summary>
/// CRC-32 (IEEE 802.3) with the same values as System.IO.Hashing, and twice as fast on processors that multiply
/// polynomials 256 bits at a time (VPCLMULQDQ: Intel since Ice Lake, AMD since Zen 3). It matters because every byte of
/// an update is checked ten times on its way from the trainer to the model.
/// <para>
/// A long message is folded into one of less than 144 bytes that has the same CRC, and the library computes the CRC of
/// that one. On other processors the library does all the work. Folding replaces 16 bytes by their product with x^D
/// mod P, placed D bits later, which does not change the remainder mod P: V. Gopal et al., "Fast CRC Computation for
/// Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009.
/// </para>
/// </summary>
public sealed class WideCrc32
{
    /// <summary>The polynomial P without its x^32.</summary>
    private const uint Polynomial = 0x04C11DB7;

    /// <summary>Bytes folded in one step: four vectors of 32.</summary>
    private const int Step = 128;

    /// <summary>The initial value, and the value that the result is inverted with.</summary>
    private const uint Ones = uint.MaxValue;

    private static readonly Vector256<ulong> _by1024 = Factors(1024), _by256 = Factors(256), _by128 = Factors(128);

    private readonly Crc32 _library = new();
    private uint _state = Ones;

    /// <summary>Of all that was appended.</summary>
    public uint Current => ~_state;

    /// <summary>The CRC-32 of one message.</summary>
    public static uint Of(ReadOnlySpan<byte> message)
    {
        if (!CanFold(message.Length)) return Crc32.HashToUInt32(message);
        Span<byte> folded = stackalloc byte[16 + Step];
        return Crc32.HashToUInt32(Fold(Ones, message, folded));
    }

    public void Append(ReadOnlySpan<byte> data)
    {
        Span<byte> folded = stackalloc byte[16 + Step];
        if (CanFold(data.Length))
        {
            _state = ~Crc32.HashToUInt32(Fold(_state, data, folded));
            return;
        }
        // The library starts from its initial value each time, so the state is mixed into the first four bytes.
        uint missing = _state ^ Ones;
        int head = Math.Min(data.Length, sizeof(uint));
        for (int i = 0; i < head; i++) folded[i] = (byte)(data[i] ^ missing >> (8 * i));
        _library.Reset();
        _library.Append(folded[..head]);
        _library.Append(data[head..]);
        _state = ~_library.GetCurrentHashAsUInt32();
        // With fewer than four bytes, the rest of the state is mixed in afterwards.
        if (head < sizeof(uint)) _state ^= missing >> (8 * head);
    }

    public void Reset() => _state = Ones;

    private static bool CanFold(int length) => Pclmulqdq.V256.IsSupported && length >= 2 * Step;

    /// <summary>
    /// A message whose CRC from the initial value equals that of <paramref name="data"/> from <paramref
    /// name="state"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // The loop would otherwise start in unoptimized code.
    private static ReadOnlySpan<byte> Fold(uint state, ReadOnlySpan<byte> data, Span<byte> folded)
    {
        ref byte at = ref MemoryMarshal.GetReference(data);
        var a = Load(ref at, 0) ^ Vector256.CreateScalar((ulong)state);
        var (b, c, d) = (Load(ref at, 32), Load(ref at, 64), Load(ref at, 96));
        int done = Step;
        for (; data.Length - done >= Step; done += Step)
        {
            a = Further(a, _by1024) ^ Load(ref at, done);
            b = Further(b, _by1024) ^ Load(ref at, done + 32);
            c = Further(c, _by1024) ^ Load(ref at, done + 64);
            d = Further(d, _by1024) ^ Load(ref at, done + 96);
        }
        a = Further(Further(Further(a, _by256) ^ b, _by256) ^ c, _by256) ^ d;
        var last = Further(a, _by128).GetLower() ^ a.GetUpper() ^ Vector128.CreateScalar((ulong)Ones);
        last.AsByte().CopyTo(folded);
        data[done..].CopyTo(folded[16..]);
        return folded[..(16 + data.Length - done)];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Load(ref byte at, int offset) =>
        Vector256.LoadUnsafe(ref at, (nuint)offset).AsUInt64();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Further(Vector256<ulong> lanes, Vector256<ulong> factors) =>
        Pclmulqdq.V256.CarrylessMultiply(lanes, factors, 0x00) ^ Pclmulqdq.V256.CarrylessMultiply(lanes, factors, 0x11);

    /// <summary>
    /// The factors that move both halves of 16 bytes by this many bits: x^(bits + 32) and x^(bits - 32) mod P. They are
    /// bit-reversed like the bytes, and shifted by one place because a product of two reversed numbers is one place
    /// short.
    /// </summary>
    private static Vector256<ulong> Factors(int bits) =>
        Vector256.Create(Vector128.Create(Mirrored(bits + 32), Mirrored(bits - 32)));

    private static ulong Mirrored(int exponent)
    {
        uint power = 1;
        for (int i = 0; i < exponent; i++) power = (power << 1) ^ (power >> 31) * Polynomial;
        ulong mirrored = 0;
        for (int bit = 0; bit < 32; bit++) mirrored |= (ulong)(power >> bit & 1) << (32 - bit);
        return mirrored;
    }
}
