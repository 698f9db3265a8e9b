using System.Numerics;

namespace Quorate.Shared.Pt;

/// <summary>Finds NaN and infinities by their bits: in every IEEE-like format they are the numbers whose exponent is all ones.</summary>
internal static class Finite
{
    /// <param name="bits">The numbers as unsigned integers of their width.</param>
    /// <param name="exponent">The mask of the exponent's bits.</param>
    public static bool All<T>(ReadOnlySpan<T> bits, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        var mask = new Vector<T>(exponent);
        int i = 0;
        for (; i <= bits.Length - Vector<T>.Count; i += Vector<T>.Count)
        {
            if (Vector.EqualsAny(new Vector<T>(bits[i..]) & mask, mask)) return false;
        }

        for (; i < bits.Length; i++)
        {
            if ((bits[i] & exponent) == exponent) return false;
        }

        return true;
    }
}
