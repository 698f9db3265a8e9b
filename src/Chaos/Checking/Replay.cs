using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Quorate.Chaos.Training;
using Quorate.Pt;

namespace Quorate.Chaos.Checking;

/// <summary>
/// Checks promise P5 without a cluster: computes every model of a run again in the simplest way, from the seed and the
/// trainers that counted in each round, and compares all hashes. What a coordinator computed under faults, in any order
/// of updates, must be bit-identical.
/// </summary>
public static class Replay
{
    /// <summary>One sentence for each difference between the history and the replay.</summary>
    /// <param name="folder">An existing folder for temporary files.</param>
    public static List<string> Differences(ChaosRun run, History history, string folder, CancellationToken token)
    {
        var violations = new List<string>();
        string model = Path.Combine(folder, "replayed.pt"), next = model + ".next";
        run.WriteSeedModel(model);
        foreach (var round in history.Rounds)
        {
            if (round.Round > 0)
            {
                var files = new List<(string Path, long Examples)>();
                foreach (var (trainer, update) in round.Updates.OrderBy(u => u.Trainer, StringComparer.Ordinal))
                {
                    string path = Path.Combine(folder, $"{trainer}.pt");
                    run.WriteUpdate(model, round.Round, trainer, path, token);
                    files.Add((path, ChaosRun.ExamplesOf(trainer)));
                    if (HashOf(path) != update)
                        violations.Add($"Round {round.Round}: node {history.Node} counts {update} for {trainer}, "
                            + $"which should be {HashOf(path)}.");
                }
                Average(model, files, next);
                File.Move(next, model, overwrite: true);
                foreach (var (path, _) in files) File.Delete(path);
            }
            if (HashOf(model) != round.Model)
                violations.Add($"Round {round.Round}: node {history.Node} has model {round.Model}; "
                    + $"replayed, it is {HashOf(model)}.");
        }
        File.Delete(model);
        return violations;
    }

    /// <summary>Σ n·x / Σ n in double, in the order of the list, rounded once.</summary>
    private static void Average(string like, List<(string Path, long Examples)> files, string path)
    {
        using var schema = PtFile.Open(like);
        var updates = files.ConvertAll(file => PtFile.Open(file.Path));
        long total = files.Sum(file => file.Examples);
        using var output = File.Create(path);
        using var writer = new PtWriter(output, schema.Schema);
        for (int t = 0; t < schema.Tensors.Count; t++)
        {
            byte[] bytes = new byte[schema.Tensors[t].Info.Bytes];
            double[] sums = new double[bytes.Length / sizeof(float)];
            Array.Fill(sums, -0.0); // The neutral element: 0.0 + -0.0 would lose the sign.
            for (int u = 0; u < updates.Count; u++)
            {
                updates[u].Read(updates[u].Tensors[t], 0, bytes);
                var values = MemoryMarshal.Cast<byte, float>(bytes);
                for (int i = 0; i < sums.Length; i++) sums[i] += (double)values[i] * files[u].Examples;
            }
            var means = MemoryMarshal.Cast<byte, float>(bytes.AsSpan());
            for (int i = 0; i < sums.Length; i++) means[i] = (float)(sums[i] / total);
            writer.Write(bytes);
        }
        writer.Complete();
        foreach (var update in updates) update.Dispose();
    }

    private static string HashOf(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
