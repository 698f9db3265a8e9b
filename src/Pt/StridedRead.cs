using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quorate.Pt;

/// <summary>
/// Reads elements of a tensor that is not contiguous, in the order of its shape, as torch does. The range is cut into
/// boxes. A box that is dense in the storage is read with one read and its elements are picked out of that; others are
/// halved along their widest dimension. Takes one block of memory.
/// </summary>
internal readonly ref struct StridedRead
{
    /// <summary>A read is worth while if at least one byte in eight is needed, or if it takes no more than a
    /// page.</summary>
    private const int Sparse = 8, Page = 4 << 10;

    private readonly SafeFileHandle _file;
    private readonly PtTensor _tensor;
    private readonly int _size;

    /// <summary>Elements that one index of each dimension stands for, in row-major order.</summary>
    private readonly ReadOnlySpan<long> _inner;

    /// <summary>The current box: how many indexes of each dimension it has.</summary>
    private readonly Span<long> _box;

    private readonly Span<byte> _block;
    private readonly Span<byte> _destination;

    private StridedRead(
        SafeFileHandle file, PtTensor tensor, ReadOnlySpan<long> inner, Span<long> box, Span<byte> block,
        Span<byte> destination)
    {
        (_file, _tensor, _size) = (file, tensor, tensor.Info.Type.Size());
        _inner = inner;
        _box = box;
        _block = block;
        _destination = destination;
    }

    /// <summary>Fills the destination with the tensor's bytes from this offset on; whole elements only.</summary>
    /// <exception cref="PtFormatException">The file was cut since it was opened.</exception>
    public static void Read(SafeFileHandle file, PtTensor tensor, long byteOffset, Span<byte> destination)
    {
        int size = tensor.Info.Type.Size(), dimensions = tensor.Info.Shape.Length;
        if (byteOffset % size != 0 || destination.Length % size != 0)
            throw new ArgumentException("Tensors that are not contiguous are read in whole elements.");
        Span<long> inner = stackalloc long[dimensions], box = stackalloc long[dimensions];
        long product = 1;
        for (int d = dimensions - 1; d >= 0; d--)
        {
            inner[d] = product;
            product *= tensor.Info.Shape[d];
        }

        byte[] block = FileBlocks.Pool.Rent(FileBlocks.BytesMax);
        try
        {
            new StridedRead(file, tensor, inner, box, block.AsSpan(0, FileBlocks.BytesMax), destination)
                .Range(0, 0, byteOffset / size, destination.Length / size, 0);
        }
        finally
        {
            FileBlocks.Pool.Return(block);
        }
    }

    /// <summary>Cuts a range of elements into boxes: part of a first row, whole rows, part of a last row.</summary>
    /// <param name="dimension">The rows' dimension; the box has one index of each dimension before it.</param>
    /// <param name="source">The first element of these rows in the storage.</param>
    /// <param name="first">The range's first element, counted from there in row-major order.</param>
    /// <param name="count">The range's elements.</param>
    /// <param name="target">The range's place in the destination, in elements.</param>
    private void Range(int dimension, long source, long first, long count, long target)
    {
        if (count == 0) return;
        long row = _inner[dimension], stride = _tensor.Strides[dimension];
        _box[dimension] = 1;
        if (first % row != 0)
        {
            long part = Math.Min(row - (first % row), count);
            Range(dimension + 1, source + (first / row * stride), first % row, part, target);
            (first, count, target) = (first + part, count - part, target + part);
        }

        if (count >= row)
        {
            long rows = count / row;
            _box[dimension] = rows;
            for (int d = dimension + 1; d < _box.Length; d++) _box[d] = _tensor.Info.Shape[d];
            Box(source + (first / row * stride), target);
            _box[dimension] = 1;
            (first, count, target) = (first + (rows * row), count - (rows * row), target + (rows * row));
        }

        if (count > 0) Range(dimension + 1, source + (first / row * stride), 0, count, target);
    }

    /// <summary>Reads the current box.</summary>
    private void Box(long source, long target)
    {
        long span = 1, count = 1, widest = 0;
        int widestDimension = 0;
        for (int d = 0; d < _box.Length; d++)
        {
            long width = (_box[d] - 1) * _tensor.Strides[d];
            if (width > widest) (widest, widestDimension) = (width, d);
            span += width;
            count *= _box[d];
        }

        if (span * _size <= _block.Length && (span <= Sparse * count || span * _size <= Page))
        {
            var bytes = _block[..(int)(span * _size)];
            FileBytes.Read(_file, _tensor.FileOffset + (source * _size), bytes);
            Pick(bytes, target);
            return;
        }

        long whole = _box[widestDimension], half = whole / 2;
        _box[widestDimension] = half;
        Box(source, target);
        _box[widestDimension] = whole - half;
        Box(source + (half * _tensor.Strides[widestDimension]), target + (half * _inner[widestDimension]));
        _box[widestDimension] = whole;
    }

    private void Pick(ReadOnlySpan<byte> bytes, long target)
    {
        switch (_size)
        {
            case 1: Pick(bytes, _destination, 0, 0, target); break;
            case 2: Pick(Cast<ushort>(bytes), Cast<ushort>(_destination), 0, 0, target); break;
            case 4: Pick(Cast<uint>(bytes), Cast<uint>(_destination), 0, 0, target); break;
            default: Pick(Cast<ulong>(bytes), Cast<ulong>(_destination), 0, 0, target); break;
        }
    }

    private void Pick<T>(ReadOnlySpan<T> from, Span<T> to, int dimension, long source, long target)
    {
        long count = _box[dimension], stride = _tensor.Strides[dimension], inner = _inner[dimension];
        bool last = dimension == _box.Length - 1;
        for (long i = 0; i < count; i++, source += stride, target += inner)
        {
            if (last) to[(int)target] = from[(int)source];
            else Pick(from, to, dimension + 1, source, target);
        }
    }

    private static ReadOnlySpan<T> Cast<T>(ReadOnlySpan<byte> bytes)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes);

    private static Span<T> Cast<T>(Span<byte> bytes)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes);
}
