using System.Globalization;

namespace Quorate.Benchmarks;

/// <summary>Sorted samples. Quantiles are by nearest rank: always a measured value, never interpolated.</summary>
internal sealed class Quantiles
{
    private readonly double[] _sorted;

    /// <exception cref="ArgumentException">There are no samples.</exception>
    public Quantiles(IEnumerable<double> samples)
    {
        _sorted = [.. samples.Order()];
        if (_sorted.Length == 0) throw new ArgumentException("There are no samples.", nameof(samples));
    }

    public int Count => _sorted.Length;

    public double Min => _sorted[0];

    public double Median => At(0.5);

    public double Max => _sorted[^1];

    /// <summary>The smallest sample such that a share (above 0, up to 1) of all samples is not above it.</summary>
    public double At(double share) => _sorted[(int)Math.Ceiling(share * Count) - 1];

    /// <summary>The machine's load average over one minute, reported with every result.</summary>
    public static double MachineLoad() =>
        double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
}
