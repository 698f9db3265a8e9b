using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Quorate.Aggregation;
using Quorate.Pt;

namespace Quorate.Chaos.Training;

/// <summary>
/// A run without torch: the model has <see cref="Elements"/> float32 values in <see cref="Tensors"/> tensors, and every
/// trainer's update is a function of (model, seed, round, trainer). Equal runs give equal final models.
/// </summary>
public sealed record ChaosRun
{
    public string Name { get; init; } = "chaos";
    public int Rounds { get; init; } = 6;
    public int Trainers { get; init; } = 3;

    public ulong Seed { get; init; } = 1;

    /// <summary>
    /// Closed rounds whose updates stay listed and stored; -1 for all, so that all can be checked.
    /// </summary>
    public int KeepUpdateRounds { get; init; } = -1;

    /// <summary>
    /// How long a round waits for missing updates once it has enough of them; zero to wait forever.
    /// </summary>
    public TimeSpan Grace { get; init; }

    /// <summary>Newest models that are kept; -1 for all.</summary>
    public int KeepModels { get; init; } = -1;

    public int Tensors { get; init; } = 5;

    /// <summary>50,000 float32 values are sent in two parts, so a transfer can be cut in the middle.</summary>
    public int Elements { get; init; } = 50_000;

    /// <summary>How updates become a model: one of <see cref="Strategies"/>, with its default parameters.</summary>
    public string Strategy { get; init; } = AggregationPlan.Mean.Strategy;

    /// <summary>The strategy as the coordinators read it.</summary>
    public AggregationPlan Plan =>
        AggregationPlan.Create(Strategy, new Dictionary<string, double>(), [], Trainers, out var plan).IsRefused(
            out string? reason)
            ? throw new InvalidOperationException(reason)
            : plan!;

    public string Json => $$"""
        {
          "name": "{{Name}}", "rounds": {{Rounds}}, "minTrainers": {{Trainers}},
          "minResults": {{(MinResults == 0 ? Trainers : MinResults)}}, "deadlineSeconds": 600,
          "graceSeconds": {{Grace.TotalSeconds.ToString(CultureInfo.InvariantCulture)}},
          "keepUpdateRounds": {{(KeepUpdateRounds < 0 ? Rounds : KeepUpdateRounds)}},
          "keepModels": {{(KeepModels < 0 ? Rounds + 1 : KeepModels)}},
          "seed": {{Seed}}, "aggregation": { "strategy": "{{Strategy}}" }{{(AsksForScores ? Scoring : "")}}
        }
        """;

    /// <summary>
    /// Whether it asks for scores. Coordinators without a trainer program then record for each model, as a fact, that
    /// it was not scored.
    /// </summary>
    public bool AsksForScores { get; init; }

    private const string Scoring = """
        ,
          "training": {
            "model": "logistic", "data": { "set": "mnist", "path": "none", "shards": 100, "shardExamples": 1000 },
            "local": { "steps": 1 }, "batch": 1, "optimiser": { "name": "sgd", "learningRate": 0.1 }
          },
          "scoring": { "images": 1 }
        """;

    /// <summary>Updates that are enough to close a round after the grace period; 0 for all.</summary>
    public int MinResults { get; init; }

    /// <summary>Unequal, so that a wrong weight changes the average.</summary>
    public static long ExamplesOf(string trainer) => 100 + trainer.Sum(c => c);

    public IReadOnlyList<string> TrainerIds => [.. Enumerable.Range(0, Trainers).Select(i => $"t{i:D2}")];

    private IReadOnlyList<TensorInfo> Schema => [.. Enumerable.Range(0, Tensors).Select(i => new TensorInfo(
        $"layer{i}.weight", TensorType.Float32,
        ImmutableArray.Create((long)(Elements / Tensors) + (i == Tensors - 1 ? Elements % Tensors : 0))))];

    /// <summary>Writes the initial model, drawn from the seed.</summary>
    public void WriteSeedModel(string path)
    {
        var draws = new Draws(Seed);
        using var file = File.Create(path);
        using var writer = new PtWriter(file, Schema);
        float[] block = new float[16 * 1024];
        for (int left = Elements; left > 0;)
        {
            var values = block.AsSpan(0, Math.Min(left, block.Length));
            foreach (ref float value in values) value = Drawn(draws.Next());
            writer.Write(MemoryMarshal.AsBytes(values));
            left -= values.Length;
        }
        writer.Complete();
    }

    /// <summary>
    /// Writes an update: half the model plus values drawn from (seed, round, trainer), block by block. Values stay
    /// within (-2, 2), so they are finite in any number of rounds.
    /// </summary>
    public void WriteUpdate(string model, int round, string trainer, string path, CancellationToken token)
    {
        using var file = File.Create(path);
        WriteUpdate(model, round, trainer, file, token);
    }

    /// <inheritdoc cref="WriteUpdate(string, int, string, string, CancellationToken)"/>
    public void WriteUpdate(string model, int round, string trainer, Stream update, CancellationToken token)
    {
        ulong name = trainer.Aggregate(0UL, (hash, c) => hash * 31 + c);
        var draws = new Draws(Draws.Mix(Seed, (ulong)round, name));
        using var from = PtFile.Open(model);
        using var writer = new PtWriter(update, from.Schema);
        byte[] block = new byte[64 * 1024];
        foreach (var tensor in from.Tensors)
            for (long at = 0; at < tensor.Info.Bytes;)
            {
                token.ThrowIfCancellationRequested();
                var bytes = block.AsSpan(0, (int)Math.Min(block.Length, tensor.Info.Bytes - at));
                from.Read(tensor, at, bytes);
                foreach (ref float value in MemoryMarshal.Cast<byte, float>(bytes))
                    value = value * 0.5f + Drawn(draws.Next());
                writer.Write(bytes);
                at += bytes.Length;
            }
        writer.Complete();
    }

    /// <summary>-1 to 1, in steps of 2^-23: exact in a float32.</summary>
    private static float Drawn(ulong draw) => ((int)(draw >> 40) - (1 << 23)) * (1f / (1 << 23));
}
