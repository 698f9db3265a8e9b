using System.Collections.Immutable;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using Quorate.Aggregation;
using Quorate.Pt;

namespace Quorate.Benchmarks.Micro;

/// <summary>
/// The mean of updates of 1.2 million numbers, from files to nowhere: reading, checksums and arithmetic.
/// </summary>
/// <remarks>BenchmarkDotNet derives from its classes, so they are public and not sealed.</remarks>
public class AveragingBenchmarks
{
    private readonly string _folder = Directory.CreateTempSubdirectory("quorate-micro-").FullName;
    private WeightedFile[] _updates = [];

    [Params(TensorType.Float32, TensorType.Float16, TensorType.BFloat16)]
    public TensorType Type { get; set; }

    [Params(2, 5, 20, 50)]
    public int Updates { get; set; }

    [GlobalSetup]
    public void Write() => _updates =
        [.. Enumerable.Range(0, Updates).Select(u => new WeightedFile(Write(u), 12_000L + u))];

    [GlobalCleanup]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [Benchmark]
    public Task Mean() => new Aggregator().AggregateAsync(
        new RoundInputs(_updates[0].Path, null, _updates, AggregationPlan.Mean), Stream.Null, null,
        CancellationToken.None);

    private string Write(int update)
    {
        string path = Path.Combine(_folder, $"{update}.pt");
        var schema = new TensorInfo("weight", Type, ImmutableArray.Create(1_200_000L));
        byte[] numbers = new byte[schema.Bytes];
        RandomNumberGenerator.Fill(numbers);
        // Clears the exponent's highest bit, so that there is no infinity and no NaN.
        for (int i = Type.Size() - 1; i < numbers.Length; i += Type.Size()) numbers[i] &= 0xBF;
        using var file = File.Create(path);
        using var writer = new PtWriter(file, [schema]);
        writer.Write(numbers);
        writer.Complete();
        return path;
    }
}
