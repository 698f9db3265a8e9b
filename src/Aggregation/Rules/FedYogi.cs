namespace Quorate.Aggregation.Rules;

/// <summary>
/// FedYogi (Reddi et al. 2021): v moves towards Δ² by a share of Δ² itself, v = v - (1 - beta2)·Δ²·sign(v - Δ²), so it
/// falls more slowly than Adam's after large steps. v never becomes negative.
/// </summary>
internal sealed class FedYogi : AdaptiveStep
{
    public static readonly Strategy Strategy = new(
        "fedyogi", "FedAvg with Yogi on the server (Reddi et al. 2021).", MomentParameters,
        PrepareWith(arguments => new FedYogi(arguments)));

    private FedYogi(Arguments arguments)
        : base(arguments, arguments["beta1"], arguments["beta2"], arguments.Whole("biasCorrection"))
    {
    }

    /// <inheritdoc/>
    protected override double Accumulate(double v, double square)
    {
        double change = (1 - Beta2) * square;
        return v > square ? v - change : v < square ? v + change : v;
    }
}
