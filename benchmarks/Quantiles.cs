using System.Globalization;

namespace Quorate.Benchmarks;

/// <summary>Samples in order, read by nearest rank: what is reported was measured, never interpolated.</summary>
internal sealed class Quantiles
{
    private readonly double[] _sorted;

    /// <exception cref="ArgumentException">There is no sample.</exception>
    public Quantiles(IEnumerable<double> samples)
    {
        _sorted = [.. samples.Order()];
        if (_sorted.Length == 0) throw new ArgumentException("No sample was taken.", nameof(samples));
    }

    public int Count => _sorted.Length;

    public double Min => _sorted[0];

    public double Median => At(0.5);

    public double Max => _sorted[^1];

    /// <summary>The smallest sample that is not below <paramref name="share"/> (above 0, up to 1) of all.</summary>
    public double At(double share) => _sorted[(int)Math.Ceiling(share * Count) - 1];

    /// <summary>Processes that wait for the machine's cores, averaged over a minute; beside every figure.</summary>
    public static double MachineLoad() =>
        double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
}
