namespace Quorate.Aggregation.Rules;

/// <summary>
/// FedAvgM (Hsu et al. 2019): momentum on the server. With Δ = mean of the updates - previous model, each round
/// computes v = momentum·v + Δ and adds learningRate·v to the model. v is 0 at first, and is the memory.
/// </summary>
internal sealed class ServerMomentum(double momentum, double rate) : ServerStep
{
    public static readonly Strategy Strategy = new(
        "fedavgm", "FedAvg with momentum on the server (Hsu et al. 2019).",
        [
            new("momentum", 0, 0.9999, 0.9, "Share of the last step that is repeated; 0.9 is the paper's usual value."),
            new("learningRate", 1e-6, 100, 1, "Factor of each step; 1 moves to the mean if momentum is 0."),
        ],
        arguments => Prepare(
            memoryPerElement: 1, () => new ServerMomentum(arguments["momentum"], arguments["learningRate"])));

    protected override double Step(double delta, Span<double> memory)
    {
        double velocity = (momentum * memory[0]) + delta;
        memory[0] = velocity;
        return rate * velocity;
    }
}
