using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Quorate.Pt;

/// <summary>
/// Finds NaN and infinities by their bits: in every IEEE format their exponent is all ones.
/// </summary>
internal static class Finite
{
    /// <param name="bits">The numbers' bits as unsigned integers of the same width.</param>
    /// <param name="exponent">The exponent's bits.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool All<T>(ReadOnlySpan<T> bits, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        var mask = new Vector<T>(exponent);
        ReadOnlySpan<Vector<T>> vectors = MemoryMarshal.Cast<T, Vector<T>>(bits);
        foreach (Vector<T> vector in vectors)
        {
            if (Vector.EqualsAny(vector & mask, mask)) return false;
        }

        foreach (T tail in bits[(vectors.Length * Vector<T>.Count)..])
        {
            if ((tail & exponent) == exponent) return false;
        }

        return true;
    }
}
