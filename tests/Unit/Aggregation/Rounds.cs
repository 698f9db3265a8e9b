using System.Runtime.InteropServices;
using Quorate.Aggregation;
using Quorate.Pt;
using Quorate.Unit.Pt;
using static Quorate.Unit.Pt.PtFixtures;

namespace Quorate.Unit.Aggregation;

/// <summary>Rounds of small files in a folder: models and updates in, the next model out.</summary>
internal sealed class Rounds : IDisposable
{
    private readonly TestFolder _folder = new();
    private int _files;

    public void Dispose() => _folder.Dispose();

    public string Save(params (TensorInfo Info, byte[] Bytes)[] tensors) => Save(Write(tensors));

    public string Save(ReadOnlySpan<byte> file) => _folder.Write($"{_files++}.pt", file);

    public string Fresh() => _folder.File($"{_files++}.pt");

    /// <summary>A file with one float32 tensor 'w'.</summary>
    public string Floats(params float[] values) => Save((Info("w", TensorType.Float32, values.Length), Bytes(values)));

    public static byte[] Bytes<T>(params T[] values)
        where T : unmanaged => MemoryMarshal.AsBytes<T>(values).ToArray();

    public static AggregationPlan Plan(
        string strategy, int minResults = 100, IEnumerable<(string, string)>? keys = null,
        params (string Name, double Value)[] parameters)
    {
        var values = parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Value);
        var check = AggregationPlan.Create(strategy, values, keys ?? [], minResults, out var plan);
        return check.IsRefused(out string? reason) ? throw new ArgumentException(reason) : plan!;
    }

    /// <summary>The next model's path, and the updates that counted.</summary>
    public async Task<(string Model, string? Memory, IReadOnlyList<int> Counted)> NextAsync(
        AggregationPlan plan, string previous, IEnumerable<WeightedFile> updates, string? memory = null,
        IAggregator? aggregator = null)
    {
        var (next, nextMemory) = (Fresh(), plan.HasMemory ? Fresh() : null);
        await using var output = File.Create(next);
        await using var memoryOutput = nextMemory is null ? null : File.Create(nextMemory);
        var result = await (aggregator ?? new Aggregator()).AggregateAsync(
            new RoundInputs(previous, memory, [.. updates], plan), output, memoryOutput, CancellationToken.None);
        return (next, nextMemory, result.Counted);
    }

    /// <summary>The next model of equally weighted updates with one float32 tensor 'w'.</summary>
    public async Task<float[]> NextAsync(AggregationPlan plan, params float[][] updates)
    {
        var files = updates.Select(update => new WeightedFile(Floats(update), 1)).ToList();
        var (model, _, _) = await NextAsync(plan, files[0].Path, files);
        return ReadFloats(model);
    }

    public static float[] ReadFloats(string path, string tensor = "w")
    {
        using var file = PtFile.Open(path);
        return MemoryMarshal.Cast<byte, float>(file.ReadBytes(tensor)).ToArray();
    }
}
