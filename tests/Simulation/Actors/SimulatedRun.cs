using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Quorate.Pt;
using Quorate.Rounds;
using Quorate.Simulation.World;

namespace Quorate.Simulation.Actors;

/// <summary>
/// A small model and updates that are a function of (model, seed, round, trainer). A restarted trainer computes the
/// same update again, so every file can be recomputed from the seed.
/// </summary>
/// <param name="Id">The run's name.</param>
/// <param name="Seed">Determines all values.</param>
/// <param name="Rounds">The number of rounds.</param>
/// <param name="Trainers">The number of trainers.</param>
/// <param name="MinResults">Updates that are enough to close a round.</param>
/// <param name="GraceSeconds">How long a round then waits for the other updates.</param>
/// <param name="Elements">Values in a model.</param>
/// <param name="KeepUpdateRounds">Rounds whose updates are kept; the files of older ones are overwritten.</param>
/// <param name="Idle">The first two trainers send the same bytes in every round.</param>
internal sealed record SimulatedRun(
    RunId Id, ulong Seed, int Rounds, int Trainers, int MinResults, int GraceSeconds, int Elements,
    int KeepUpdateRounds, bool Idle)
{
    public string Json => $$"""
        {
          "name": "{{Id}}", "rounds": {{Rounds}}, "minTrainers": {{MinResults}}, "minResults": {{MinResults}},
          "deadlineSeconds": 15, "graceSeconds": {{GraceSeconds}}, "keepUpdateRounds": {{KeepUpdateRounds}},
          "keepModels": {{Rounds + 1}}, "seed": 1
        }
        """;

    public static string TrainerName(int trainer) => $"t{trainer}";

    /// <summary>Unequal, so that a wrong weight changes the average.</summary>
    public static long ExamplesOf(int trainer) => 100 + 37 * trainer;

    public void WriteSeedModel(string path)
    {
        var draws = Draws.Stream(Seed, "model");
        using var file = File.Create(path);
        using var writer = new PtWriter(file,
            [new TensorInfo("weight", TensorType.Float32, ImmutableArray.Create((long)Elements - 3)),
             new TensorInfo("bias", TensorType.Float32, ImmutableArray.Create(3L))]);
        float[] values = new float[Elements];
        foreach (ref float value in values.AsSpan()) value = Drawn(draws.Next());
        writer.Write(MemoryMarshal.AsBytes(values.AsSpan()));
        writer.Complete();
    }

    /// <summary>Half the model plus values drawn from the round and the trainer.</summary>
    public void WriteUpdate(string model, int round, int trainer, string path)
    {
        using var file = File.Create(path);
        WriteUpdate(model, round, trainer, file);
    }

    /// <inheritdoc cref="WriteUpdate(string, int, int, string)"/>
    public void WriteUpdate(string model, int round, int trainer, Stream update)
    {
        bool idle = Idle && trainer < 2;
        var draws = Draws.Stream(Seed, idle ? "idle" : $"update {round} {trainer}");
        using var from = PtFile.Open(model);
        using var writer = new PtWriter(update, from.Schema);
        foreach (var tensor in from.Tensors)
        {
            byte[] bytes = new byte[tensor.Info.Bytes];
            from.Read(tensor, 0, bytes);
            foreach (ref float value in MemoryMarshal.Cast<byte, float>(bytes.AsSpan()))
                value = (idle ? 0 : value * 0.5f) + Drawn(draws.Next());
            writer.Write(bytes);
        }
        writer.Complete();
    }

    /// <summary>-1 to 1, in steps of 2^-23: exact in a float32.</summary>
    private static float Drawn(ulong draw) => ((int)(draw >> 40) - (1 << 23)) * (1f / (1 << 23));
}
