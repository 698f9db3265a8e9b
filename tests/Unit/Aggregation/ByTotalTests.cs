using System.Numerics;
using Quorate.Aggregation;
using Quorate.Aggregation.Rules;

namespace Quorate.Unit.Aggregation;

public sealed class ByTotalTests
{
    private static readonly double[] _named =
    [
        0.0, -0.0, 1.0, -1.0, 3.0, double.PositiveInfinity, double.NegativeInfinity, double.NaN, float.MaxValue,
        float.Epsilon, -float.Epsilon, float.MaxValue * 536_870_911.0,
        double.BitIncrement(1.0), double.BitDecrement(1.0),
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(60_010)]
    [InlineData(WeightedFile.ExamplesMax)]
    [InlineData((1L << 49) + 1)]
    [InlineData((1L << 50) - 1)]
    public void A_sum_divided_by_the_total_equals_the_processors_quotient_bit_for_bit(long total)
    {
        foreach (double sum in _named) Check(sum, total);
        var random = new Random((int)total);
        for (int i = 0; i < 300_000; i++) Check(AnySum(random), total);
        // Next to an exact quotient, and next to the midpoint between two, rounding decides.
        for (int i = 0; i < 300_000; i++)
        {
            double near = (AnySum(random) + (random.Next(2) * AnySum(random))) * total;
            Check(near, total);
            Check(double.BitDecrement(near), total);
            Check(double.BitIncrement(near), total);
        }
    }

    [Fact]
    public void Random_totals_give_the_processors_quotient()
    {
        var random = new Random(7);
        for (int i = 0; i < 300_000; i++) Check(AnySum(random), random.NextInt64(1, 1L << random.Next(1, 51)));
    }

    /// <summary>Any mantissa, and exponents from the smallest float32's to the largest times 2^50.</summary>
    private static double AnySum(Random random) => BitConverter.Int64BitsToDouble(
        (random.NextInt64(1023 - 149, 1023 + 178) << 52) | random.NextInt64(1L << 52) | (long)random.Next(2) << 63);

    private static void Check(double sum, long total)
    {
        double quotient = new ByTotal(total).Divide(new Vector<double>(sum))[0];
        if (BitConverter.DoubleToInt64Bits(quotient) != BitConverter.DoubleToInt64Bits(sum / total))
            Assert.Fail($"{sum:R} / {total} is {sum / total:R}, not {quotient:R}.");
    }
}
