using System.Collections.Immutable;

namespace Quorate.Pt;

/// <summary>One tensor of a .pt file and its place in the file.</summary>
/// <remarks>
/// Invariant: offset, shape and strides keep every element inside the tensor's storage, and the storage is inside the
/// file.
/// </remarks>
public sealed class PtTensor
{
    private PtTensor(TensorInfo info, ImmutableArray<long> strides, ZipEntry storage, long offset)
    {
        Info = info;
        Strides = strides;
        IsContiguous = AreContiguous(info.Shape, strides, info.Elements);
        Storage = storage;
        Offset = offset;
    }

    public TensorInfo Info { get; }

    /// <summary>
    /// Whether the elements are stored one after the other in row-major order. Transposed, expanded and channels-last
    /// tensors are not, and are read by their strides, as torch reads them.
    /// </summary>
    public bool IsContiguous { get; }

    /// <summary>Where the first element is, in bytes from the start of the file.</summary>
    public long FileOffset => Storage.DataStart + Offset;

    /// <summary>
    /// Whether the tensor is its whole storage. PyTorch saves a view with the storage of its base.
    /// </summary>
    internal bool CoversStorage => IsContiguous && Offset == 0 && Info.Bytes == Storage.Length;

    internal ZipEntry Storage { get; }

    /// <summary>Elements of the storage from one index to the next, for each dimension.</summary>
    internal ImmutableArray<long> Strides { get; }

    /// <summary>Bytes from the start of the storage to the first element.</summary>
    internal long Offset { get; }

    /// <exception cref="PtFormatException">The description exceeds a limit or reaches outside its storage.</exception>
    internal static PtTensor Create(string name, PickleTensor tensor, ZipEntry storage)
    {
        (PickleStorage pickled, long offset, ImmutableArray<long> shape, ImmutableArray<long> strides) = tensor;
        if (TensorInfo.Check(name, shape).IsRefused(out string? reason)) throw new PtFormatException(reason);
        if (pickled.Elements * pickled.Type.Size() != storage.Length)
            throw new PtFormatException(
                $"Tensor {PtText.Quote(name)} needs a storage of {pickled.Elements} {pickled.Type} elements, "
                + $"but entry {PtText.Quote(storage.Name)} has {storage.Length} bytes.");
        if (strides.Length != shape.Length || offset < 0 || strides.Any(stride => stride < 0))
            throw new PtFormatException($"Tensor {PtText.Quote(name)} has strides or an offset that no tensor has.");

        var info = new TensorInfo(name, pickled.Type, shape);
        Int128 end = offset; // one past the last element; 32 products of two 64-bit numbers fit in 128 bits
        if (info.Elements > 0)
        {
            end++;
            for (int i = 0; i < shape.Length; i++) end += (Int128)(shape[i] - 1) * strides[i];
        }

        if (end > pickled.Elements)
            throw new PtFormatException(
                $"Tensor {PtText.Quote(name)} reaches to element {end} of a storage of {pickled.Elements}.");

        return new PtTensor(info, strides, storage, offset * pickled.Type.Size());
    }

    /// <summary>
    /// PyTorch's own rule: the stride of a dimension of size 1 does not matter; without elements, no stride does.
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
