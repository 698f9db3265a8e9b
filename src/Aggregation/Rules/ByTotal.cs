using System.Numerics;
using System.Runtime.CompilerServices;

namespace Quorate.Aggregation.Rules;

/// <summary>
/// Divides sums by a total with the same bits as the processor's division, but faster: four divisions take 8 cycles on
/// Intel's servers, and a fused multiply-add takes half a cycle (uops.info).
///
/// Let y be the rounded reciprocal and q = s·y, rounded. q is within 1.5 units in the last place (ulp) of s/total.
/// r = q·total - s is exact, because the total is an integer below 2^50, so r is a small multiple of q's ulp. The
/// quotient is q - r·y, rounded once (Markstein 1990, IBM Journal of Research and Development 34, 111). The error of
/// r·y is below 2^-52 ulp, and s/total is at least 2^-51 ulp away from the midpoint between two doubles, because its
/// distance from it times the total is a multiple of half an ulp. It is never the midpoint itself: midpoint times total
/// has more than 53 bits, so no sum equals it. Therefore the rounding cannot go to the other side.
/// </summary>
/// <remarks>
/// Invariant: the sums are sums of float32 values, far from the smallest and largest double. r has this sign, and y is
/// negated, so that a sum of -0 stays -0.
/// </remarks>
internal readonly struct ByTotal
{
    private readonly Vector<double> _total, _reciprocal;

    public ByTotal(long total)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(total, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(total, 1L << 50);
        (_total, _reciprocal) = (new(total), new(1.0 / total));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<double> Divide(Vector<double> sums)
    {
        var near = sums * _reciprocal;
        var over = Vector.FusedMultiplyAdd(near, _total, -sums);
        var quotients = Vector.FusedMultiplyAdd(over, -_reciprocal, near);
        // The remainder of an infinity or NaN is NaN: the uncorrected quotient is right.
        return Vector.ConditionalSelect(Vector.Equals(over, over), quotients, near);
    }
}
