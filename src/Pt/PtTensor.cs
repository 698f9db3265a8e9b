using System.Collections.Immutable;

namespace Quorate.Pt;

/// <summary>One tensor of a .pt file, and where it lies in it.</summary>
/// <remarks>
/// Invariant: every element of the tensor, by offset, shape and strides, lies inside its storage, and the storage
/// inside the file.
/// </remarks>
public sealed class PtTensor
{
    private PtTensor(TensorInfo info, bool isContiguous, ZipEntry storage, long offset)
    {
        Info = info;
        IsContiguous = isContiguous;
        Storage = storage;
        Offset = offset;
    }

    public TensorInfo Info { get; }

    /// <summary>
    /// Whether the elements lie one after the other in the shape's order. Only such tensors can be read; of others
    /// (transposed, expanded, channels-last) a file would say more than its length, and call .contiguous() mends them.
    /// </summary>
    public bool IsContiguous { get; }

    /// <summary>Where the first element lies, in bytes from the start of the file.</summary>
    public long FileOffset => Storage.DataStart + Offset;

    /// <summary>
    /// Whether the tensor is its whole storage; a view saved by PyTorch carries the storage of its base.
    /// </summary>
    internal bool CoversStorage => IsContiguous && Offset == 0 && Info.Bytes == Storage.Length;

    internal ZipEntry Storage { get; }

    /// <summary>Bytes from the start of the storage to the first element.</summary>
    internal long Offset { get; }

    /// <exception cref="PtFormatException">The description breaks a limit or reaches out of its storage.</exception>
    internal static PtTensor Create(string name, PickleTensor tensor, ZipEntry storage)
    {
        (PickleStorage pickled, long offset, ImmutableArray<long> shape, ImmutableArray<long> strides) = tensor;
        if (TensorInfo.FirstProblem(name, shape) is { } problem) throw new PtFormatException(problem);
        if (pickled.Elements * pickled.Type.Size() != storage.Length)
            throw new PtFormatException(
                $"Tensor {PtText.Quote(name)} needs a storage of {pickled.Elements} {pickled.Type} elements, "
                + $"but entry {PtText.Quote(storage.Name)} has {storage.Length} bytes.");
        if (strides.Length != shape.Length || offset < 0 || strides.Any(stride => stride < 0))
            throw new PtFormatException($"Tensor {PtText.Quote(name)} has strides or an offset that no tensor has.");

        var info = new TensorInfo(name, pickled.Type, shape);
        Int128 end = offset; // one past the last element; 32 products of two 64-bit numbers fit 128 bits
        if (info.Elements > 0)
        {
            end++;
            for (int i = 0; i < shape.Length; i++) end += (Int128)(shape[i] - 1) * strides[i];
        }

        if (end > pickled.Elements)
            throw new PtFormatException(
                $"Tensor {PtText.Quote(name)} reaches to element {end} of a storage of {pickled.Elements}.");

        return new PtTensor(info, AreContiguous(shape, strides, info.Elements), storage, offset * pickled.Type.Size());
    }

    /// <summary>
    /// PyTorch's own rule: the stride of a dimension of size 1 does not matter, and without elements none does.
    /// </summary>
    private static bool AreContiguous(ImmutableArray<long> shape, ImmutableArray<long> strides, long elements)
    {
        long expected = 1;
        for (int i = shape.Length - 1; i >= 0 && elements > 0; i--)
        {
            if (shape[i] == 1) continue;
            if (strides[i] != expected) return false;
            expected *= shape[i];
        }

        return true;
    }
}
