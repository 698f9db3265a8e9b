using Quorate.Aggregation.Windows;

namespace Quorate.Aggregation.Rules;

/// <summary>
/// FedAvgM (Hsu et al. 2019): momentum on the server. With Δ = mean of the updates - previous model, each round
/// computes v = momentum·v + Δ and adds learningRate·v to the model. v is 0 at first, and is the memory.
/// </summary>
internal sealed class ServerMomentum : IElementRule
{
    public static readonly Strategy Strategy = new(
        "fedavgm", "FedAvg with momentum on the server (Hsu et al. 2019).",
        [
            new("momentum", 0, 0.9999, 0.9, "Share of the last step that is repeated; 0.9 is the paper's usual value."),
            new("learningRate", 1e-6, 100, 1, "Factor of each step; 1 moves to the mean if momentum is 0."),
        ],
        arguments => new Recipe
        {
            Rule = () => new ServerMomentum(arguments["momentum"], arguments["learningRate"]),
            IsWeighted = true,
            ReadsPrevious = true,
            MemoryPerElement = 1,
        });

    private readonly WeightedMean _mean = new();
    private readonly double _momentum, _rate;

    private ServerMomentum(double momentum, double rate) => (_momentum, _rate) = (momentum, rate);

    public void Combine(in Window window, Span<double> next)
    {
        _mean.Combine(window, next);
        if (window.Memory.IsEmpty) return;
        for (int i = 0; i < next.Length; i++)
        {
            double previous = window.Previous[i];
            // An infinite element never moves: every update has the same infinity there.
            if (double.IsInfinity(previous)) continue;
            double velocity = (_momentum * window.Memory[i]) + (next[i] - previous);
            window.Memory[i] = velocity;
            next[i] = previous + (_rate * velocity);
        }
    }
}
