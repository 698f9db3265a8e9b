using Quorate.Pt;

namespace Quorate.Unit.Pt;

/// <summary>Tensors that are not contiguous, against a plain loop over their indexes.</summary>
public sealed class StridedTests : IDisposable
{
    private static readonly (TensorType, string)[] _types =
    [
        (TensorType.UInt8, "ByteStorage"), (TensorType.Int16, "ShortStorage"), (TensorType.Float32, "FloatStorage"),
        (TensorType.Int64, "LongStorage"),
    ];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Shape, strides, offset in elements, elements of the storage.
    public static TheoryData<long[], long[], long, int> Layouts => new()
    {
        { [300, 200], [1, 300], 0, 60_000 }, // transposed
        { [1_000, 300], [1, 1_000], 0, 300_000 }, // transposed, larger than a block
        { [6, 4, 3, 5], [60, 1, 20, 4], 0, 360 }, // channels last
        { [2, 3, 64, 65], [12_480, 1, 195, 3], 0, 24_960 }, // channels last, with large planes
        { [7, 5, 6], [1, 42, 7], 0, 210 }, // permuted
        { [33], [3], 1, 100 }, // every third
        { [40], [3_000], 0, 120_000 }, // far apart: each element is a read of its own
        { [6, 12], [200, 1], 605, 60_000 }, // a window
        { [3, 4, 2], [2, 0, 1], 0, 6 }, // expanded
        { [6, 4], [1, 1], 0, 9 }, // overlapping
        { [1, 5, 1], [77, 2, 99], 0, 10 }, // dimensions of one element
    };

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Strides_are_followed(long[] shape, long[] strides, long offset, int storage)
    {
        foreach (var (type, storageClass) in _types)
        {
            int size = type.Size();
            byte[] content = new byte[storage * size];
            new Random(storage).NextBytes(content);
            byte[] archive = Pickle.Archive([.. Pickle.Records(Pickle.Bytes(Pickle.DictOf(Pickle.Tensor(
                Pickle.Storage(elements: storage, type: storageClass), offset, Pickle.Tuple(shape),
                Pickle.Tuple(strides)))))[..2], ("a/data/0", content)]);
            using PtFile file = PtFile.Open(_folder.Write($"{type}.pt", archive));
            PtTensor tensor = Assert.Single(file.Tensors);
            Assert.False(tensor.IsContiguous);
            byte[] expected = Plain(content, size, shape, strides, offset);
            Assert.Equal(expected, file.ReadBytes("w"));

            var reader = new PtTensorReader(file, tensor);
            var random = new Random(1);
            for (int at = 0; at < expected.Length;)
            {
                byte[] part = new byte[Math.Min(size * random.Next(1, 500), expected.Length - at)];
                reader.Read(part);
                Assert.True(expected.AsSpan(at, part.Length).SequenceEqual(part));
                at += part.Length;
            }
        }
    }

    [Fact]
    public void Damage_in_a_strided_tensor_is_found()
    {
        string path = _folder.Write("a.pt", File.ReadAllBytes(PtFixtures.PathOf("strided.pt")));
        byte[] bytes = File.ReadAllBytes(path);
        using (PtFile file = PtFile.Open(path)) bytes[file.Find("transposed")!.FileOffset + 5] ^= 1;
        using PtFile changed = PtFile.Open(_folder.Write("a.pt", bytes));
        Assert.Throws<PtFormatException>(() => new PtTensorReader(changed, changed.Find("transposed")!));
        Assert.Throws<PtFormatException>(() => changed.FindNonFinite());
    }

    [Fact]
    public void NaN_in_a_strided_tensor_is_found()
    {
        string tensor = Pickle.Tensor(Pickle.Storage(), 0, Pickle.Tuple(2, 2), Pickle.Tuple(1, 2));
        byte[] content = [.. new byte[12], .. BitConverter.GetBytes(float.NaN)];
        byte[] archive = Pickle.Archive(
            [.. Pickle.Records(Pickle.Bytes(Pickle.DictOf(tensor)))[..2], ("a/data/0", content)]);
        using PtFile file = PtFile.Open(_folder.Write("nan.pt", archive));
        Assert.Equal("w", Assert.Single(file.FindNonFinite()).Info.Name);
    }

    private static byte[] Plain(byte[] storage, int size, long[] shape, long[] strides, long offset)
    {
        var bytes = new MemoryStream();
        long elements = shape.Aggregate(1L, (product, length) => product * length);
        for (long i = 0; i < elements; i++)
        {
            long rest = i, at = offset;
            for (int d = shape.Length - 1; d >= 0; d--)
            {
                at += rest % shape[d] * strides[d];
                rest /= shape[d];
            }

            bytes.Write(storage, (int)at * size, size);
        }

        return bytes.ToArray();
    }
}
