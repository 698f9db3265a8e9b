using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace Quorate.Pt;

/// <summary>
/// Writes the data.pkl of a state dict as torch.save would, but without memo. Tensor number i has storage number i.
/// </summary>
internal static class StateDictPickle
{
    public static byte[] Write(IReadOnlyList<TensorInfo> schema)
    {
        var pickle = new MemoryStream();
        pickle.Write([PickleOpcode.Protocol, 2]);
        OrderedDict(pickle);
        for (int i = 0; i < schema.Count; i++)
        {
            Text(pickle, schema[i].Name);
            Tensor(pickle, schema[i], i);
            pickle.WriteByte(PickleOpcode.SetItem);
        }

        pickle.WriteByte(PickleOpcode.Stop);
        return pickle.ToArray();
    }

    // torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)
    private static void Tensor(MemoryStream pickle, TensorInfo tensor, int storage)
    {
        Global(pickle, "torch._utils", "_rebuild_tensor_v2");
        pickle.WriteByte(PickleOpcode.Mark);
        Storage(pickle, tensor, storage);
        Number(pickle, 0);
        Tuple(pickle, tensor.Shape);
        Tuple(pickle, Strides(tensor.Shape));
        pickle.WriteByte(PickleOpcode.False);
        OrderedDict(pickle);
        pickle.Write([PickleOpcode.Tuple, PickleOpcode.Reduce]);
    }

    private static void Storage(MemoryStream pickle, TensorInfo tensor, int storage)
    {
        pickle.WriteByte(PickleOpcode.Mark);
        Text(pickle, "storage");
        Global(pickle, "torch", tensor.Type.StorageClass());
        Text(pickle, $"{storage}");
        Text(pickle, "cpu");
        Number(pickle, tensor.Elements);
        pickle.Write([PickleOpcode.Tuple, PickleOpcode.PersistentId]);
    }

    private static void OrderedDict(MemoryStream pickle)
    {
        Global(pickle, "collections", "OrderedDict");
        pickle.Write([PickleOpcode.EmptyTuple, PickleOpcode.Reduce]);
    }

    private static void Global(MemoryStream pickle, string module, string name)
    {
        pickle.WriteByte(PickleOpcode.Global);
        pickle.Write(Encoding.ASCII.GetBytes($"{module}\n{name}\n"));
    }

    private static void Text(MemoryStream pickle, string text)
    {
        byte[] utf8 = PtText.StrictUtf8.GetBytes(text);
        Span<byte> length = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        pickle.WriteByte(PickleOpcode.Text);
        pickle.Write(length);
        pickle.Write(utf8);
    }

    private static void Tuple(MemoryStream pickle, ImmutableArray<long> numbers)
    {
        pickle.WriteByte(PickleOpcode.Mark);
        foreach (long number in numbers) Number(pickle, number);
        pickle.WriteByte(PickleOpcode.Tuple);
    }

    private static void Number(MemoryStream pickle, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        bool fits32 = number == (int)number;
        pickle.Write(fits32 ? [PickleOpcode.Int32] : [PickleOpcode.Long, sizeof(long)]);
        pickle.Write(fits32 ? bytes[..sizeof(int)] : bytes);
    }

    /// <summary>Row-major strides in elements. PyTorch counts an empty dimension as one here.</summary>
    private static ImmutableArray<long> Strides(ImmutableArray<long> shape)
    {
        var strides = new long[shape.Length];
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(shape[i], 1);
        }

        return [.. strides];
    }
}
