namespace Quorate.Aggregation.Rules;

/// <summary>
/// FedAdagrad (Reddi et al. 2021): v is the sum of all Δ², so steps become shorter from round to round. m is Δ, as in
/// the paper's experiments (beta1 = 0).
/// </summary>
internal sealed class FedAdagrad : AdaptiveStep
{
    public static readonly Strategy Strategy = new(
        "fedadagrad", "FedAvg with Adagrad on the server (Reddi et al. 2021).", CommonParameters,
        PrepareWith(arguments => new FedAdagrad(arguments)));

    private FedAdagrad(Arguments arguments)
        : base(arguments, beta1: 0, beta2: 0, correction: 0)
    {
    }

    /// <inheritdoc/>
    protected override double Accumulate(double v, double square) => v + square;
}
