using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Quorate.Pt;
using static Quorate.Unit.Pt.PtFixtures;

namespace Quorate.Unit.Pt;

/// <summary>Reading files that a real PyTorch wrote.</summary>
public sealed class PtFileTests
{
    private const string HowToSave = "save the weights with torch.save(model.state_dict(), path).";

    private const string NeverRun = "which a state dict of plain tensors never needs: refused, and nothing of it was "
        + "run. If this is your own file, " + HowToSave;

    [Fact]
    public void Every_element_type_is_read_as_PyTorch_wrote_it()
    {
        using PtFile file = PtFile.Open(PathOf("dtypes.pt"));
        Assert.Equal(
            [.. Enum.GetValues<TensorType>().Select(type => Info(type.ToString().ToLowerInvariant(), type, 2, 3))],
            file.Schema);

        Assert.Equal([-2f, -1, 0, 1, 2, 3], MemoryMarshal.Cast<byte, float>(file.ReadBytes("float32")));
        Assert.Equal([-2.0, -1, 0, 1, 2, 3], MemoryMarshal.Cast<byte, double>(file.ReadBytes("float64")));
        Assert.Equal("00C000BC0000003C00400042", Convert.ToHexString(file.ReadBytes("float16")));
        Assert.Equal("00C080BF0000803F00404040", Convert.ToHexString(file.ReadBytes("bfloat16")));
        Assert.Equal([-2L, -1, 0, 1, 2, 3], MemoryMarshal.Cast<byte, long>(file.ReadBytes("int64")));
        Assert.Equal([-2, -1, 0, 1, 2, 3], MemoryMarshal.Cast<byte, int>(file.ReadBytes("int32")));
        Assert.Equal("FEFFFFFF0000010002000300", Convert.ToHexString(file.ReadBytes("int16")));
        Assert.Equal([254, 255, 0, 1, 2, 3], file.ReadBytes("int8"));
        Assert.Equal([254, 255, 0, 1, 2, 3], file.ReadBytes("uint8"));
        Assert.Equal([1, 1, 0, 1, 1, 1], file.ReadBytes("bool"));
    }

    [Fact]
    public void Scalars_empty_tensors_views_parameters_and_shared_storages_are_read()
    {
        using PtFile file = PtFile.Open(PathOf("shapes.pt"));
        Assert.Equal(
            [Info("scalar", TensorType.Float32), Info("empty", TensorType.Float32, 0, 3),
                Info("view", TensorType.Float32, 2, 5),
                Info("parameter", TensorType.Float32, 3), Info("tied", TensorType.Float32, 4, 5)], file.Schema);

        Assert.Equal(2.5f, BinaryPrimitives.ReadSingleLittleEndian(file.ReadBytes("scalar")));
        Assert.Empty(file.ReadBytes("empty"));
        Assert.Equal([3f, 4, 5, 6, 7, 8, 9, 10, 11, 12], MemoryMarshal.Cast<byte, float>(file.ReadBytes("view")));
        Assert.Equal([-2f, -1, 0], MemoryMarshal.Cast<byte, float>(file.ReadBytes("parameter")));
        Assert.Equal(
            Enumerable.Range(-2, 20).Select(i => (float)i),
            MemoryMarshal.Cast<byte, float>(file.ReadBytes("tied")).ToArray());
    }

    [Fact]
    public void A_storage_with_several_views_is_verified_once()
    {
        using var folder = new TestFolder();
        string path = folder.Write("shapes.pt", File.ReadAllBytes(PathOf("shapes.pt")));
        using (PtFile file = PtFile.Open(path))
        {
            PtTensor view = file.Find("view")!;
            _ = new PtTensorReader(file, view);
            byte[] bytes = File.ReadAllBytes(path);
            bytes[bytes.AsSpan().IndexOf(file.ReadBytes("tied"))] ^= 1;
            File.WriteAllBytes(path, bytes);
            _ = new PtTensorReader(file, view);
        }

        using PtFile damaged = PtFile.Open(path);
        Assert.Throws<PtFormatException>(() => new PtTensorReader(damaged, damaged.Find("view")!));
    }

    [Fact]
    public void The_block_for_verifying_files_outlives_its_thread()
    {
        const int Threads = 50, BlockBytes = 256 << 10;
        using PtFile file = PtFile.Open(PathOf("shapes.pt"));
        long allocated = 0;
        for (int i = 0; i < Threads; i++)
        {
            var thread = new Thread(() =>
            {
                file.VerifyStorages();
                allocated += GC.GetAllocatedBytesForCurrentThread();
            });
            thread.Start();
            thread.Join();
        }

        // Other tests may use some of the pool's blocks at the same time.
        Assert.InRange(allocated, 0, Threads / 2 * BlockBytes);
    }

    [Fact]
    public void A_part_of_a_tensor_is_read_by_offset()
    {
        using PtFile file = PtFile.Open(PathOf("shapes.pt"));
        byte[] two = new byte[8];
        file.Read(file.Find("view")!, 12, two);
        Assert.Equal([6f, 7], MemoryMarshal.Cast<byte, float>(two));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(file.Find("view")!, 36, two));
    }

    [Fact]
    public void A_modules_state_dict_with_metadata_is_read()
    {
        using PtFile file = PtFile.Open(PathOf("net.pt"));
        Assert.Equal(
            [Info("conv.weight", TensorType.Float32, 3, 1, 3, 3), Info("conv.bias", TensorType.Float32, 3),
                Info("bn.weight", TensorType.Float32, 3), Info("bn.bias", TensorType.Float32, 3),
                Info("bn.running_mean", TensorType.Float32, 3), Info("bn.running_var", TensorType.Float32, 3),
                Info("bn.num_batches_tracked", TensorType.Int64), Info("fc.weight", TensorType.Float32, 4, 12),
                Info("fc.bias", TensorType.Float32, 4)], file.Schema);
        Assert.Equal(1, BinaryPrimitives.ReadInt64LittleEndian(file.ReadBytes("bn.num_batches_tracked")));
        file.VerifyStorages();
        Assert.Empty(file.FindNonFinite());
    }

    [Fact]
    public void Strided_tensors_are_read_as_PyTorch_shows_them()
    {
        using PtFile file = PtFile.Open(PathOf("strided.pt"));
        Assert.Equal([true, false, false], file.Tensors.Select(tensor => tensor.IsContiguous));
        Assert.Equal([-2f, 1, -1, 2, 0, 3], MemoryMarshal.Cast<byte, float>(file.ReadBytes("transposed")));
        Assert.Equal(
            Enumerable.Repeat(7f, 1_000_000), MemoryMarshal.Cast<byte, float>(file.ReadBytes("expanded")).ToArray());
    }

    [Theory]
    [InlineData("evil.pt", "The pickle names the global 'posix.system', " + NeverRun)]
    [InlineData("checkpoint.pt",
        "The entry 'epoch' of the state dict is not a tensor: save only model.state_dict().")]
    [InlineData("tensor.pt",
        "The file is not a state dict: save model.state_dict(), not the model or a single tensor.")]
    [InlineData("legacy.pt",
        "The file is in the format of PyTorch before 1.6: load it with torch.load(path) and save the result with "
        + "torch.save(result, path) of a newer PyTorch.")]
    [InlineData("float8.pt",
        "The file has a tensor of the type torch.float8_e4m3fn, which is not supported: convert it, for example with "
        + ".float(), before torch.save.")]
    [InlineData("numpy_scalar.pt",
        "The file has a NumPy value ('numpy.core.multiarray.scalar') beside its tensors, and a state dict has only "
        + "tensors: save only model.state_dict(), or convert the value with torch.tensor(value).")]
    [InlineData("whole_model.pt",
        "The file is a whole pickled model (it names the class '__main__.Bn'), which only its own code can load: "
        + HowToSave)]
    [InlineData("protocol4.pt",
        "The pickle uses opcode 0x95 at byte 2, "
        + "which a state dict of plain tensors never needs: refused (use torch.save's default protocol).")]
    [InlineData("sparse.pt",
        "The file has a sparse tensor, which is not supported: call .to_dense() on it before torch.save.")]
    [InlineData("script.pt",
        "The entry 'script/code/__torch__/torch/nn/modules/linear.py' is compressed, as in TorchScript; "
        + "torch.save(model.state_dict(), path) stores its entries uncompressed.")]
    public void Files_other_than_plain_state_dicts_are_refused_with_one_sentence(string fixture, string sentence)
    {
        PtFormatException refused = Assert.Throws<PtFormatException>(() => PtFile.Open(PathOf(fixture)));
        Assert.Equal(sentence, refused.Message);
        Assert.False(File.Exists("quorate-was-here"), "the pickle's command was run");
    }

    [Theory]
    [InlineData("", "The file is empty: " + HowToSave)]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n",
        "The file is a Git LFS pointer and not the model itself: run git lfs pull.")]
    [InlineData("\n <!DOCTYPE html><html><body>Virus scan warning</body></html>",
        "The file is a web page and not a model, as when a download asks for a login or a confirmation: "
        + "download the model itself.")]
    [InlineData("4\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "The file is in the safetensors format: load it with safetensors.torch.load_file(path) and save the weights "
        + "with torch.save(the result, path).")]
    [InlineData("GGUF\u0003", "The file is in the GGUF format and not a PyTorch file: " + HowToSave)]
    [InlineData("\u0089HDF\r\n", "The file is in the HDF5 format (Keras) and not a PyTorch file: " + HowToSave)]
    [InlineData("\u001f\u008b\u0008", "The file is compressed with gzip: unpack it.")]
    [InlineData("\u0080\u0002}.", "The file is a plain pickle and not a PyTorch file: " + HowToSave)]
    [InlineData("PK\u0003\u0004 and nothing more",
        "The file begins as a zip archive and does not end as one: it is cut off; copy or save it again.")]
    [InlineData("weights",
        "The file does not end as a zip archive: it is cut off, or it is not a PyTorch file; " + HowToSave)]
    public void Other_files_are_refused_with_what_they_are_and_what_to_do(string content, string sentence)
    {
        using var folder = new TestFolder();
        string path = folder.Write("model.pt", Pickle.Bytes(content));
        Assert.Equal(sentence, Assert.Throws<PtFormatException>(() => PtFile.Open(path)).Message);
    }
}
