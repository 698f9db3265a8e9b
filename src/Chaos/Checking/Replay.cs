using System.Security.Cryptography;
using Quorate.Aggregation;
using Quorate.Chaos.Training;

namespace Quorate.Chaos.Checking;

/// <summary>
/// Checks promise P5 without a cluster: computes every model of a run again, from the seed and the trainers that
/// counted in each round, with the run's strategy, and compares all hashes. What a coordinator computed under faults,
/// in any order of updates, must be bit-identical.
/// </summary>
public static class Replay
{
    private static readonly Aggregator _aggregator = new();

    /// <summary>One sentence for each difference between the history and the replay.</summary>
    /// <param name="folder">An existing folder for temporary files.</param>
    public static async Task<List<string>> DifferencesAsync(
        ChaosRun run, History history, string folder, CancellationToken token)
    {
        var violations = new List<string>();
        string model = Path.Combine(folder, "replayed.pt"), memory = model + ".memory";
        run.WriteSeedModel(model);
        foreach (var round in history.Rounds)
        {
            if (round.Round > 0)
            {
                var files = new List<WeightedFile>();
                foreach (var (trainer, update) in round.Updates.OrderBy(u => u.Trainer, StringComparer.Ordinal))
                {
                    string path = Path.Combine(folder, $"{trainer}.pt");
                    run.WriteUpdate(model, round.Round, trainer, path, token);
                    files.Add(new WeightedFile(path, ChaosRun.ExamplesOf(trainer)));
                    if (HashOf(path) != update)
                        violations.Add($"Round {round.Round}: node {history.Node} counts {update} for {trainer}, "
                            + $"which should be {HashOf(path)}.");
                }
                await AggregateAsync(run.Plan, model, memory, files, token);
                foreach (var file in files) File.Delete(file.Path);
            }
            if (HashOf(model) != round.Model)
                violations.Add($"Round {round.Round}: node {history.Node} has model {round.Model}; "
                    + $"replayed, it is {HashOf(model)}.");
        }
        File.Delete(model);
        File.Delete(memory);
        return violations;
    }

    /// <summary>Replaces the model, and the strategy's memory if it has one, by the next round's.</summary>
    private static async Task AggregateAsync(
        AggregationPlan plan, string model, string memory, List<WeightedFile> files, CancellationToken token)
    {
        var inputs = new RoundInputs(model, File.Exists(memory) ? memory : null, files, plan);
        await using (var next = File.Create(model + ".next"))
        await using (var kept = plan.HasMemory ? File.Create(memory + ".next") : null)
            await _aggregator.AggregateAsync(inputs, next, kept, token);
        File.Move(model + ".next", model, overwrite: true);
        if (plan.HasMemory) File.Move(memory + ".next", memory, overwrite: true);
    }

    private static string HashOf(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
