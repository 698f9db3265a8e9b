using Quorate.Aggregation.Windows;
using Quorate.Pt;

namespace Quorate.Aggregation;

/// <summary>
/// The next model as one long sequence of bytes, tensor after tensor. Each counted update is read once, front to back,
/// one window ahead (<see cref="ReadAhead"/>), and its checksums are verified on the way.
/// </summary>
internal sealed class CombinePass : IAsyncDisposable
{
    private readonly RoundFiles _files;
    private readonly IReadOnlyList<OpenFile> _updates;
    private readonly Recipe _recipe;
    private readonly IElementRule _rule;
    private readonly double[] _weights;
    private readonly long _total;
    private readonly double[] _next = new double[Window.ElementsMax];
    private readonly MemoryPass? _memory;
    private readonly PreviousReader? _previous;
    private readonly ReadAhead _ahead;
    private PtTensorReader? _frozen;
    private int _index = -1;
    private long _left;

    /// <param name="files">The round's files; not disposed.</param>
    /// <param name="updates">All updates, for their examples.</param>
    /// <param name="counted">The updates that count, as indexes.</param>
    /// <param name="recipe">The strategy.</param>
    /// <param name="maxShare">The share that one update may have, if the strategy is weighted.</param>
    /// <param name="memory">Receives the strategy's memory, if it has one.</param>
    public CombinePass(
        RoundFiles files, IReadOnlyList<WeightedFile> updates, IReadOnlyList<int> counted, Recipe recipe,
        double maxShare, Stream? memory)
    {
        (_files, _recipe, _rule) = (files, recipe, recipe.Rule());
        _updates = [.. counted.Select(update => files.Updates[update])];
        // A single update is its own mean, bit for bit; in double, n·x/n would not always be x.
        bool weighted = recipe.IsWeighted && counted.Count > 1;
        long[] weights = [.. counted.Select(update => weighted ? updates[update].Examples : 1)];
        if (weighted) ShareCap.Apply(weights, maxShare);
        _weights = [.. weights.Select(weight => (double)weight)];
        _total = weights.Sum();
        if (recipe.ReadsPrevious) _previous = new PreviousReader(files.Previous);
        if (memory is not null) _memory = new MemoryPass(files, recipe.MemoryPerElement, memory);
        _ahead = new ReadAhead(_updates, [.. files.Layout.Tensors
            .Where(tensor => tensor.Treatment != Treatment.Frozen).Select(tensor => tensor.Info)]);
    }

    /// <summary>Fills the block with the next bytes, whole elements only.</summary>
    /// <returns>Bytes filled; 0 at the end.</returns>
    /// <exception cref="AggregationException">A file is damaged, or constants differ.</exception>
    public async ValueTask<int> NextAsync(Memory<byte> block)
    {
        int filled = 0;
        while (_left > 0 || _index + 1 < _files.Layout.Tensors.Count)
        {
            if (_left == 0)
            {
                Begin(_files.Layout.Tensors[++_index]);
                continue;
            }

            var (tensor, treatment) = _files.Layout.Tensors[_index];
            int size = tensor.Type.Size();
            int fits = (int)Math.Min(_left, Math.Min(Window.ElementsMax, (block.Length - filled) / size));
            if (fits == 0) break;
            if (treatment == Treatment.Frozen)
            {
                _files.Previous.Read(_frozen!, block.Span.Slice(filled, fits * size));
            }
            else
            {
                fits = Math.Min(fits, await _ahead.WaitAsync() / size);
                Combine(tensor, treatment, block.Span.Slice(filled, fits * size));
                _ahead.Advance(fits * size);
            }

            filled += fits * size;
            _left -= fits;
        }

        return filled;
    }

    /// <summary>Ends the memory's file. The caller ends the model's.</summary>
    public void Complete() => _memory?.Complete();

    public async ValueTask DisposeAsync()
    {
        await _ahead.DisposeAsync();
        _memory?.Dispose();
    }

    private void Begin((TensorInfo Info, Treatment Treatment) tensor)
    {
        _left = tensor.Info.Elements;
        if (tensor.Treatment == Treatment.Frozen) _frozen = _files.Previous.Reader(tensor.Info.Name);
        if (tensor.Treatment is Treatment.Strategy or Treatment.Plain) _previous?.Begin(tensor.Info);
        if (tensor.Treatment == Treatment.Strategy) _memory?.Begin(tensor.Info.Name);
    }

    private void Combine(TensorInfo tensor, Treatment treatment, Span<byte> result)
    {
        if (treatment is Treatment.Strategy or Treatment.Plain)
        {
            int elements = result.Length / tensor.Type.Size();
            var memory = treatment == Treatment.Strategy ? _memory : null;
            var window = new Window
            {
                Type = tensor.Type, Elements = elements, Bytes = _ahead.Window, Stride = _ahead.Stride,
                Weights = _weights, Total = _total,
                Previous = _previous is null ? default : _previous.Next(elements),
                Memory = memory is null ? default : memory.Next(elements),
            };
            var next = _next.AsSpan(0, elements);
            _rule.Combine(window, next);
            memory?.Write();
            Numbers.Narrow(tensor.Type, next, result);
            return;
        }

        _ahead.Window[..result.Length].CopyTo(result);
        for (int i = 1; i < _updates.Count; i++)
        {
            ReadOnlySpan<byte> bytes = _ahead.Window.Slice(i * _ahead.Stride, result.Length);
            if (treatment == Treatment.Max) Numbers.Max(tensor.Type, bytes, result);
            else if (!bytes.SequenceEqual(result))
                throw _updates[i].Damaged($"Tensor '{tensor.Name}' differs from the first update's.");
        }
    }

    /// <summary>Reads the previous model's elements in step with the updates'.</summary>
    private sealed class PreviousReader(OpenFile file)
    {
        private readonly byte[] _bytes = new byte[Window.ElementsMax * sizeof(double)];
        private readonly double[] _elements = new double[Window.ElementsMax];
        private PtTensorReader? _reader;
        private TensorType _type;

        public void Begin(TensorInfo tensor) => (_reader, _type) = (file.Reader(tensor.Name), tensor.Type);

        public ReadOnlySpan<double> Next(int elements)
        {
            var bytes = _bytes.AsSpan(0, elements * _type.Size());
            file.Read(_reader!, bytes);
            Numbers.Widen(_type, bytes, _elements);
            return _elements.AsSpan(0, elements);
        }
    }

    /// <summary>Reads the strategy's memory of the previous round and writes that of this round.</summary>
    private sealed class MemoryPass : IDisposable
    {
        private readonly RoundFiles _files;
        private readonly int _perElement;
        private readonly PtWriter _writer;
        private readonly double[] _elements;
        private readonly byte[] _bytes;
        private PtTensorReader? _reader;
        private TensorInfo? _tensor;
        private int _count, _index = -1;

        public MemoryPass(RoundFiles files, int perElement, Stream output)
        {
            (_files, _perElement) = (files, perElement);
            _writer = new PtWriter(output, files.MemorySchema);
            _elements = new double[Window.ElementsMax * perElement];
            _bytes = new byte[_elements.Length * sizeof(double)];
        }

        public void Begin(string name)
        {
            _tensor = _files.MemorySchema[++_index];
            _reader = _files.Memory?.Reader(name);
        }

        /// <summary>The memory of the next elements; 0 in the first round.</summary>
        public Span<double> Next(int elements)
        {
            _count = elements * _perElement;
            var memory = _elements.AsSpan(0, _count);
            if (_reader is null)
            {
                memory.Clear();
                return memory;
            }

            var bytes = _bytes.AsSpan(0, _count * _tensor!.Type.Size());
            _files.Memory!.Read(_reader, bytes);
            Numbers.Widen(_tensor.Type, bytes, memory);
            return memory;
        }

        /// <summary>Writes what the rule left in <see cref="Next"/>'s span.</summary>
        public void Write()
        {
            var bytes = _bytes.AsSpan(0, _count * _tensor!.Type.Size());
            Numbers.Narrow(_tensor.Type, _elements.AsSpan(0, _count), bytes);
            _writer.Write(bytes);
        }

        public void Complete() => _writer.Complete();

        public void Dispose() => _writer.Dispose();
    }
}
