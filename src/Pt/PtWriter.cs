namespace Quorate.Pt;

/// <summary>
/// Writes a .pt file in one pass to a stream that need not seek, so the stream can hash what it writes. PyTorch loads
/// the file with <c>torch.load(path, weights_only=True)</c> as an OrderedDict of tensors, each with its own storage.
/// </summary>
/// <remarks>Invariant: the same schema and the same bytes make the same file, bit for bit, on any machine at any
/// time.</remarks>
public sealed class PtWriter : IDisposable
{
    private const string Top = "archive";
    private readonly IReadOnlyList<TensorInfo> _schema;
    private readonly ZipWriter _zip;
    private int _index;
    private long _left;

    /// <param name="output">Receives the file, from here on and in <see cref="Write"/>. Not disposed.</param>
    /// <param name="schema">The tensors in order, without duplicate names, at most
    /// <see cref="PtLimits.Tensors"/>.</param>
    /// <exception cref="ArgumentException">The schema breaks one of these rules, or its names and shapes together take
    /// more than <see cref="PtLimits.PickleBytes"/>.</exception>
    public PtWriter(Stream output, IReadOnlyList<TensorInfo> schema)
    {
        byte[] pickle = StateDictPickle.Write(schema);
        if (CheckSchema(schema, pickle.Length).IsRefused(out string? reason))
            throw new ArgumentException(reason, nameof(schema));

        _schema = [.. schema];
        _zip = new ZipWriter(output);
        _zip.Entry($"{Top}/data.pkl", pickle);
        _zip.Entry($"{Top}/byteorder", "little"u8);
        _zip.Entry($"{Top}/version", "3\n"u8);
        BeginStorage();
    }

    /// <summary>Whether a file of this schema can be written.</summary>
    public static CheckResult CheckSchema(IReadOnlyList<TensorInfo> schema) =>
        CheckSchema(schema, StateDictPickle.Write(schema).Length);

    /// <summary>
    /// Writes the tensors' bytes (little-endian elements) in the schema's order. A block may end anywhere and span
    /// several tensors.
    /// </summary>
    /// <exception cref="InvalidOperationException">There are more bytes than the schema has.</exception>
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

    /// <summary>Ends the file. Everything has then been written to the stream.</summary>
    /// <exception cref="InvalidOperationException">Bytes of a tensor are missing.</exception>
    public void Complete()
    {
        if (_index < _schema.Count)
            throw new InvalidOperationException($"Tensor '{_schema[_index].Name}' lacks {_left} of its bytes.");
        _zip.Complete();
    }

    /// <summary>Returns the buffers. Without <see cref="Complete"/>, what was written is not a .pt file.</summary>
    public void Dispose() => _zip.Dispose();

    private static CheckResult CheckSchema(IReadOnlyList<TensorInfo> schema, int pickleBytes)
    {
        if (schema.Count > PtLimits.Tensors)
            return CheckResult.Refused(
                $"The model has {schema.Count} tensors; at most {PtLimits.Tensors} are allowed.");
        if (schema.GroupBy(tensor => tensor.Name).FirstOrDefault(name => name.Count() > 1)?.Key is { } twice)
            return CheckResult.Refused($"Tensor '{twice}' is in the schema twice.");
        return pickleBytes <= PtLimits.PickleBytes
            ? CheckResult.Passed
            : CheckResult.Refused($"The tensors' names and shapes take {pickleBytes} bytes; "
                + $"at most {PtLimits.PickleBytes} are allowed.");
    }

    private void EndStorage()
    {
        _zip.End();
        _index++;
        BeginStorage();
    }

    private void BeginStorage()
    {
        // Tensors without elements are complete at once.
        for (; _index < _schema.Count && _schema[_index].Bytes == 0; _index++) _zip.Entry($"{Top}/data/{_index}", []);
        if (_index == _schema.Count) return;
        _left = _schema[_index].Bytes;
        _zip.Begin($"{Top}/data/{_index}", _left);
    }
}
