namespace Quorate.Aggregation.Rules;

/// <summary>
/// FedAdam (Reddi et al. 2021): v is the decaying mean of Δ², v = beta2·v + (1 - beta2)·Δ². See <see
/// cref="AdaptiveStep"/> for the step and for the variants of it.
/// </summary>
internal sealed class FedAdam : AdaptiveStep
{
    public static readonly Strategy Strategy = new(
        "fedadam", "FedAvg with Adam on the server (Reddi et al. 2021).", MomentParameters,
        PrepareWith(arguments => new FedAdam(arguments)));

    private FedAdam(Arguments arguments)
        : base(arguments, arguments["beta1"], arguments["beta2"], arguments.Whole("biasCorrection"))
    {
    }

    /// <inheritdoc/>
    protected override double Accumulate(double v, double square) => (Beta2 * v) + ((1 - Beta2) * square);
}
