namespace Quorate.Aggregation.Rules;

/// <summary>
/// The adaptive server optimisers (Reddi et al. 2021, algorithm 2). With Δ = mean of the updates - previous model, each
/// round computes m = beta1·m + (1 - beta1)·Δ, then v from its last value and Δ², which is where the strategies differ,
/// and adds learningRate·m / (√v + tau) to the model. m is 0 at first, and v is initialAccumulator.
/// <para>
/// The paper has no bias correction. Its experiments, like Keras, multiply the step by √(1 - beta2^t) / (1 - beta1^t)
/// in step t; PyTorch divides m by 1 - beta1^t and v by 1 - beta2^t, so that tau counts less in the first steps.
/// </para>
/// </summary>
/// <remarks>
/// An element's memory is v, then m if beta1 is above 0, then the number of steps if v does not start at 0 or if the
/// bias is corrected. The number is exact up to 2^24 steps, where every power is long negligible. v and m are limited
/// to the range of float32, in which they are stored: an infinite v would stop its element forever.
/// </remarks>
internal abstract class AdaptiveStep : ServerStep
{
    private const int NoCorrection = 0, AsInKeras = 1, AsInPyTorch = 2;

    private readonly double _rate, _tau, _initial, _beta1;
    private readonly int _correction;
    private readonly bool _counts;
    private double _powersOf, _power1 = 1, _power2 = 1;

    protected AdaptiveStep(Arguments arguments, double beta1, double beta2, int correction)
    {
        (_rate, _tau) = (arguments["learningRate"], arguments["tau"]);
        _initial = arguments["initialAccumulator"];
        (_beta1, Beta2, _correction) = (beta1, beta2, correction);
        _counts = _initial > 0 || _correction != NoCorrection;
    }

    /// <summary>The parameters of every adaptive strategy.</summary>
    protected static IReadOnlyList<Parameter> CommonParameters { get; } =
    [
        new("learningRate", 1e-6, 100, 0.01, "About how far a first step moves each element; many are near 0.05."),
        new("tau", 1e-9, 1, 0.001, "Added to the root of v: elements whose Δ is far smaller move less."),
        new("initialAccumulator", 0, 1, 0, "The first v; 0 as in the paper's experiments, the text has tau squared."),
    ];

    /// <summary>The parameters of strategies with two decaying means.</summary>
    protected static IReadOnlyList<Parameter> MomentParameters { get; } =
    [
        .. CommonParameters,
        new("beta1", 0, 0.9999, 0.9, "Share of the last m that is kept; 0.9 is the paper's value."),
        new("beta2", 0, 0.99999, 0.99, "Share of the last v that is kept; 0.99 is the paper's value."),
        new("biasCorrection", NoCorrection, AsInPyTorch, NoCorrection,
            "0: none, as in the paper's text; 1: as in Keras and the paper's experiments; 2: as in PyTorch.",
            IsWhole: true),
    ];

    protected double Beta2 { get; }

    private int MemoryPerElement => 1 + (_beta1 > 0 ? 1 : 0) + (_counts ? 1 : 0);

    protected static Func<Arguments, Recipe> PrepareWith(Func<Arguments, AdaptiveStep> rule) =>
        arguments => Prepare(rule(arguments).MemoryPerElement, () => rule(arguments));

    /// <summary>The next v, which may be infinite.</summary>
    /// <param name="v">The last one, 0 or more.</param>
    /// <param name="square">Δ².</param>
    protected abstract double Accumulate(double v, double square);

    protected sealed override double Step(double delta, Span<double> memory)
    {
        double v = Limit(Accumulate(_counts && memory[^1] == 0 ? _initial : memory[0], delta * delta));
        double m = Limit(_beta1 > 0 ? (_beta1 * memory[1]) + ((1 - _beta1) * delta) : delta);
        memory[0] = v;
        if (_beta1 > 0) memory[1] = m;
        if (_counts) memory[^1]++;
        if (_correction == NoCorrection) return _rate * m / (Math.Sqrt(v) + _tau);

        ComputePowers(memory[^1]);
        double rest1 = 1 - _power1, rest2 = 1 - _power2;
        return _correction == AsInKeras
            ? _rate * Math.Sqrt(rest2) / rest1 * m / (Math.Sqrt(v) + _tau)
            : _rate * (m / rest1) / (Math.Sqrt(v / rest2) + _tau);
    }

    /// <summary>beta1^t and beta2^t. All elements have the same t, so each round computes them once.</summary>
    private void ComputePowers(double steps)
    {
        if (steps == _powersOf) return;
        (_powersOf, _power1, _power2) = (steps, 1, 1);
        for (double step = 0; step < steps; step++)
        {
            _power1 *= _beta1;
            _power2 *= Beta2;
        }
    }

    private static double Limit(double value) => Math.Clamp(value, -float.MaxValue, float.MaxValue);
}
