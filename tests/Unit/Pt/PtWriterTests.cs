using System.Security.Cryptography;
using Quorate.Pt;
using static Quorate.Unit.Pt.PtFixtures;

namespace Quorate.Unit.Pt;

public sealed class PtWriterTests
{
    internal static readonly (TensorInfo Info, byte[] Bytes)[] Tensors =
    [
        .. Enum.GetValues<TensorType>().Select((type, i) => Filled(Info($"layer{i}.{type}", type, 2, 1 + i, 3))),
        Filled(Info("scalar", TensorType.Float64)),
        Filled(Info("empty", TensorType.Float32, 4, 0)),
        Filled(Info("größe.weight", TensorType.Float32, 20_000)),
        Filled(Info("last.empty", TensorType.Int8, 0)),
    ];

    [Fact]
    public void What_is_written_is_read_back_the_same()
    {
        using var folder = new TestFolder();
        using PtFile file = PtFile.Open(folder.Write("a.pt", Write(Tensors)));
        Assert.Equal(Tensors.Select(tensor => tensor.Info), file.Schema);
        Assert.All(Tensors, tensor => Assert.Equal(tensor.Bytes, file.ReadBytes(tensor.Info.Name)));
        Assert.All(file.Tensors, tensor => Assert.Equal(0, tensor.FileOffset % 64));
        file.VerifyStorages();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(70_000)]
    public void The_same_bytes_make_the_same_file_with_any_block_size(int blockBytes)
    {
        byte[] all = [.. Tensors.SelectMany(tensor => tensor.Bytes)];
        var output = new MemoryStream();
        using var writer = new PtWriter(new ForwardOnly(output), [.. Tensors.Select(tensor => tensor.Info)]);
        foreach (byte[] block in all.Chunk(blockBytes)) writer.Write(block);
        writer.Complete();
        Assert.Equal(Write(Tensors), output.ToArray());
    }

    /// <summary>
    /// Every peer relies on these bytes: any change of the writer changes the hash of every model.
    /// </summary>
    [Fact]
    public void The_bytes_of_a_file_never_change()
    {
        const string Hash = "aa0686ecbe1367147d0e26e9da419f31cdcd72c70600f246067ddc2782c24285";
        string hash = Convert.ToHexStringLower(SHA256.HashData(Write(Tensors)));
        Assert.True(hash == Hash, $"The file now hashes to {hash}");
    }

    [Fact]
    public void Too_few_or_too_many_bytes_are_an_error()
    {
        TensorInfo[] schema = [Info("a", TensorType.Float32, 2), Info("b", TensorType.Int8, 3)];
        using var writer = new PtWriter(Stream.Null, schema);
        writer.Write(new byte[10]);
        Assert.Equal(
            "Tensor 'b' lacks 1 of its bytes.", Assert.Throws<InvalidOperationException>(writer.Complete).Message);
        Assert.Throws<InvalidOperationException>(() => writer.Write(new byte[2]));
    }

    [Fact]
    public void A_duplicate_name_is_an_error()
    {
        TensorInfo tensor = Info("a", TensorType.Float32, 2);
        ArgumentException refused = Assert.Throws<ArgumentException>(() => new PtWriter(Stream.Null, [tensor, tensor]));
        Assert.StartsWith("Tensor 'a' is in the schema twice.", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_beyond_a_limit_cannot_be_constructed()
    {
        Assert.Throws<ArgumentException>(() => Info("", TensorType.Float32));
        Assert.Throws<ArgumentException>(() => Info("a", TensorType.Float32, -1));
        Assert.Throws<ArgumentException>(() => Info("a", TensorType.Float32, 1 << 21, 1 << 21));
        Assert.Throws<ArgumentException>(() => Info("a", TensorType.Float32, new long[PtLimits.Dimensions + 1]));
        Assert.Throws<ArgumentException>(() => Info(new string('a', PtLimits.NameBytes + 1), TensorType.Float32));
    }

    private static (TensorInfo Info, byte[] Bytes) Filled(TensorInfo info) =>
        (info, [.. Enumerable.Range(0, (int)info.Bytes)
            .Select(i => (byte)(info.Type == TensorType.Bool ? i & 1 : i * 31))]);

    private sealed class ForwardOnly(Stream inner) : Stream
    {
        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        
        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush() => inner.Flush();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);
    }
}
