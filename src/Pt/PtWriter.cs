namespace Quorate.Pt;

/// <summary>
/// Writes a .pt file in one pass, to a stream that need not seek (so that a hash can be taken on the way): PyTorch
/// loads it with <c>torch.load(path, weights_only=True)</c> as an OrderedDict of tensors, each with a storage of its
/// own.
/// </summary>
/// <remarks>Invariant: the same schema and the same bytes make the same file, bit for bit, on any machine and at any
/// time.</remarks>
public sealed class PtWriter : IDisposable
{
    private const string Top = "archive";
    private readonly IReadOnlyList<TensorInfo> _schema;
    private readonly ZipWriter _zip;
    private int _index;
    private long _left;

    /// <param name="output">Takes the file; it is written to here and in <see cref="Write"/>, and not disposed.</param>
    /// <param name="schema">The tensors in their order, no name twice, at most <see cref="PtLimits.Tensors"/>.</param>
    /// <exception cref="ArgumentException">The schema breaks one of these rules, or its names and shapes together
    /// exceed
    /// <see cref="PtLimits.PickleBytes"/>.</exception>
    public PtWriter(Stream output, IReadOnlyList<TensorInfo> schema)
    {
        byte[] pickle = StateDictPickle.Write(schema);
        if (FirstProblem(schema, pickle.Length) is { } problem) throw new ArgumentException(problem, nameof(schema));

        _schema = [.. schema];
        _zip = new ZipWriter(output);
        _zip.Entry($"{Top}/data.pkl", pickle);
        _zip.Entry($"{Top}/byteorder", "little"u8);
        _zip.Entry($"{Top}/version", "3\n"u8);
        BeginStorage();
    }

    /// <summary>What forbids a file of this schema, as a sentence; null where one can be written.</summary>
    public static string? FirstProblem(IReadOnlyList<TensorInfo> schema) =>
        FirstProblem(schema, StateDictPickle.Write(schema).Length);

    /// <summary>
    /// Takes the tensors' bytes (little-endian elements) in the schema's order; a block may end anywhere and span
    /// several tensors.
    /// </summary>
    /// <exception cref="InvalidOperationException">More bytes come than the schema has.</exception>
    public void Write(ReadOnlySpan<byte> block)
    {
        while (!block.IsEmpty)
        {
            if (_index == _schema.Count)
                throw new InvalidOperationException("More bytes were written than the schema's tensors have.");
            int count = (int)Math.Min(block.Length, _left);
            _zip.Append(block[..count]);
            _left -= count;
            block = block[count..];
            if (_left == 0) EndStorage();
        }
    }

    /// <summary>Ends the file; all of it has been handed to the stream afterwards.</summary>
    /// <exception cref="InvalidOperationException">Bytes of a tensor are missing.</exception>
    public void Complete()
    {
        if (_index < _schema.Count)
            throw new InvalidOperationException($"Tensor '{_schema[_index].Name}' lacks {_left} of its bytes.");
        _zip.Complete();
    }

    /// <summary>Gives buffers back; without <see cref="Complete"/> before, what was written is no .pt file.</summary>
    public void Dispose() => _zip.Dispose();

    private static string? FirstProblem(IReadOnlyList<TensorInfo> schema, int pickleBytes)
    {
        if (schema.Count > PtLimits.Tensors)
            return $"{schema.Count} tensors; at most {PtLimits.Tensors} are allowed.";
        if (schema.GroupBy(tensor => tensor.Name).FirstOrDefault(name => name.Count() > 1)?.Key is { } twice)
            return $"Tensor '{twice}' stands in the schema twice.";
        return pickleBytes > PtLimits.PickleBytes
            ? $"The tensors' names and shapes take {pickleBytes} bytes; at most {PtLimits.PickleBytes} are allowed."
            : null;
    }

    private void EndStorage()
    {
        _zip.End();
        _index++;
        BeginStorage();
    }

    private void BeginStorage()
    {
        // Tensors without elements have nothing to wait for.
        for (; _index < _schema.Count && _schema[_index].Bytes == 0; _index++) _zip.Entry($"{Top}/data/{_index}", []);
        if (_index == _schema.Count) return;
        _left = _schema[_index].Bytes;
        _zip.Begin($"{Top}/data/{_index}", _left);
    }
}
