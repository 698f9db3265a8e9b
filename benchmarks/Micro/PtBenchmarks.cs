using BenchmarkDotNet.Attributes;
using Quorate.Pt;

namespace Quorate.Benchmarks.Micro;

/// <summary>The .pt format: what an update costs when it is opened, checked, and written.</summary>
/// <inheritdoc cref="AveragingBenchmarks" path="/remarks"/>
public class PtBenchmarks
{
    private readonly string _folder = Directory.CreateTempSubdirectory("quorate-micro-").FullName;
    private Payload _payload = Payload.Parse("lr");
    private byte[] _numbers = [];

    [Params("cnn", "resnet18")]
    public string Model { get; set; } = "cnn";

    private string Path => System.IO.Path.Combine(_folder, "model.pt");

    [GlobalSetup]
    public void WriteModel()
    {
        _payload = Payload.Parse(Model);
        _payload.WriteModel(Path);
        _numbers = new byte[_payload.Bytes];
    }

    [GlobalCleanup]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [Benchmark]
    public int Open()
    {
        using var file = PtFile.Open(Path);
        return file.Tensors.Count;
    }

    [Benchmark]
    public int CheckUpload()
    {
        using var file = PtFile.Open(Path);
        file.VerifyStorages();
        return file.FindNonFinite().Count;
    }

    [Benchmark]
    public void Write()
    {
        using var writer = new PtWriter(Stream.Null, _payload.Schema);
        writer.Write(_numbers);
        writer.Complete();
    }
}
