using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>A .pt file that reports damage under its own name, so that its blob can be pulled again.</summary>
internal sealed class OpenFile : IDisposable
{
    private readonly string _path;
    private readonly PtFile _file;

    /// <exception cref="AggregationException">The file is not a .pt file.</exception>
    public OpenFile(string path)
    {
        _path = path;
        try
        {
            _file = PtFile.Open(path);
        }
        catch (PtFormatException damage)
        {
            throw Damaged(damage.Message);
        }
    }

    public PtFile File => _file;

    /// <exception cref="AggregationException">The file is damaged.</exception>
    public PtTensorReader Reader(string tensor)
    {
        try
        {
            return new PtTensorReader(_file, _file.Find(tensor) ?? throw Damaged($"Tensor '{tensor}' is missing."));
        }
        catch (PtFormatException damage)
        {
            throw Damaged(damage.Message);
        }
    }

    /// <inheritdoc cref="Reader"/>
    public void Read(PtTensorReader reader, Span<byte> bytes)
    {
        try
        {
            reader.Read(bytes);
        }
        catch (PtFormatException damage)
        {
            throw Damaged(damage.Message);
        }
    }

    public AggregationException Damaged(string sentence) => new(_path, sentence);

    public void Dispose() => _file.Dispose();
}

/// <summary>A round's files, opened, and what happens to each tensor.</summary>
internal sealed class RoundFiles : IDisposable
{
    private readonly List<OpenFile> _open = [];

    /// <exception cref="AggregationException">A file is not a .pt file, or its tensors do not match the
    /// model's.</exception>
    public RoundFiles(RoundInputs inputs)
    {
        ArgumentOutOfRangeException.ThrowIfZero(inputs.Updates.Count, nameof(inputs));
        try
        {
            Previous = Open(inputs.Previous);
            Layout = new Layout(Previous.File.Schema, inputs.Plan.Keys);
            MemorySchema = inputs.Plan.HasMemory is false ? [] : [.. Layout.Tensors
                .Where(tensor => tensor.Treatment == Treatment.Strategy)
                .Select(tensor => MemoryOf(tensor.Info, inputs.Plan.Recipe.MemoryPerElement))];
            Memory = inputs.Memory is { } memory ? OpenMatching(memory, MemorySchema) : null;
            List<OpenFile> updates = [];
            foreach (var update in inputs.Updates)
            {
                updates.Add(Open(update.Path));
                if (Layout.Check(updates[^1].File).IsRefused(out string? reason)) throw updates[^1].Damaged(reason);
            }

            Updates = updates;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public OpenFile Previous { get; }

    /// <summary>The memory that the previous round wrote, or null.</summary>
    public OpenFile? Memory { get; }

    public IReadOnlyList<OpenFile> Updates { get; }

    public Layout Layout { get; }

    /// <summary>The tensors of the strategy's memory, in the model's order.</summary>
    public IReadOnlyList<TensorInfo> MemorySchema { get; }

    public void Dispose()
    {
        foreach (var file in _open) file.Dispose();
    }

    private OpenFile Open(string path)
    {
        var file = new OpenFile(path);
        _open.Add(file);
        return file;
    }

    private OpenFile OpenMatching(string path, IReadOnlyList<TensorInfo> schema)
    {
        var file = Open(path);
        return PtSchema.CheckMatch(schema, file.File).IsRefused(out string? reason) ? throw file.Damaged(reason) : file;
    }

    /// <summary>
    /// A model's tensor in the memory, under the same name: float64 for float64, otherwise float32. Several numbers per
    /// element are stored next to each other.
    /// </summary>
    private static TensorInfo MemoryOf(TensorInfo tensor, int perElement) => new(
        tensor.Name,
        tensor.Type == TensorType.Float64 ? TensorType.Float64 : TensorType.Float32,
        perElement > 1 ? tensor.Shape.Add(perElement) : tensor.Shape);
}
