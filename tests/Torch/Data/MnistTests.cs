using System.Buffers.Binary;
using System.IO.Compression;
using Quorate.Shared.Runs;
using Quorate.Trainer;
using Quorate.Trainer.Data;
using static TorchSharp.torch;

namespace Quorate.Torch.Data;

public sealed class MnistTests : IDisposable
{
    private const string Images = "t10k-images-idx3-ubyte";
    private const string Labels = "t10k-labels-idx1-ubyte";

    private static readonly DataPlan Plan = Plans.Of(ModelKind.Logistic).Data;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Scaling_constants_are_those_of_the_training_images()
    {
        DataPlan whole = Plan with { Shards = 1, ShardExamples = 60_000, Normalise = Normalisation.None };
        using ImageSet set = DataSets.Open(whole, TrainerOutput.Mnist).Shard(1, 0, CPU);
        using var scope = NewDisposeScope();
        Tensor pixels = set.Slice(0, set.Count).Images;
        Assert.Equal(Mnist.Mean, pixels.mean().item<float>(), 4);
        Assert.Equal(Mnist.Deviation, pixels.std().item<float>(), 4);
    }

    [Fact]
    public void Plain_and_gzipped_files_read_alike()
    {
        Write(Images, Header(0x803, 3, 28, 28), Pixels(3), gzip: true);
        Write(Labels, Header(0x801, 3), [7, 0, 9], gzip: false);
        using ImageSet set = DataSets.Open(Plan with { Normalise = Normalisation.None }, $"{_folder}").Test(2, CPU);

        using var scope = NewDisposeScope();
        (Tensor images, Tensor labels) = set.Slice(0, 2);
        Assert.Equal([7L, 0L], labels.data<long>().ToArray());
        Assert.Equal([2, 1, 28, 28], images.shape);
        Assert.Equal(
            Pixels(2).Select(pixel => pixel / 255f), images.data<float>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void A_missing_file_is_named() => Assert.StartsWith($"{_folder[Images]}.gz is missing: ", Refusal());

    [Fact]
    public void Damaged_images_are_refused()
    {
        Write(Labels, Header(0x801, 3), [7, 0, 9]);
        Write(Images, Header(0x801, 3, 28, 28), Pixels(3));
        Assert.StartsWith(
            $"{_folder[Images]} is damaged: it starts with 0x00000801 instead of 0x00000803; ", Refusal());
        Write(Images, [0, 0, 8], []);
        Assert.StartsWith($"{_folder[Images]} is damaged: it ends within its header; ", Refusal());
        Write(Images, Header(0x803, 3, 28, 27), Pixels(3));
        Assert.StartsWith($"{_folder[Images]} is damaged: its items are 27 in size where 28 is expected; ", Refusal());
        Write(Images, Header(0x803, -1, 28, 28), Pixels(3));
        Assert.StartsWith($"{_folder[Images]} is damaged: it claims -1 items instead of 1 to 10000000; ", Refusal());
        Write(Images, Header(0x803, 3, 28, 28), Pixels(3)[1..]);
        Assert.StartsWith($"{_folder[Images]} is damaged: it ends within 3 items; ", Refusal());
        Write(Images, Header(0x803, 3, 28, 28), Pixels(4));
        Assert.StartsWith($"{_folder[Images]} is damaged: it has more bytes after 3 items; ", Refusal());
    }

    [Fact]
    public void Damaged_labels_are_refused()
    {
        Write(Images, Header(0x803, 3, 28, 28), Pixels(3));
        Write(Labels, Header(0x801, 2), [7, 0]);
        Assert.StartsWith($"{_folder[Labels]} is damaged: it has 2 labels for 3 images; ", Refusal());
        Write(Labels, Header(0x801, 3), [7, 0, 255]);
        Assert.StartsWith($"{_folder[Labels]} is damaged: it has the label 255, which is none of 0 to 9; ", Refusal());
    }

    /// <summary>Browsers and proxies unpack a file and keep its name; other tools pack it again.</summary>
    [Theory]
    [InlineData(false, ".gz")]
    [InlineData(true, "")]
    public void The_first_bytes_say_what_a_file_is_and_not_its_name(bool gzip, string suffix)
    {
        Write(Labels, Header(0x801, 3), [7, 0, 9]);
        Write(Images, Header(0x803, 3, 28, 28), Pixels(3), gzip);
        string wrote = _folder[Images + (gzip ? ".gz" : "")];
        File.Move(wrote, _folder["moving"]);
        File.Move(_folder["moving"], _folder[Images + suffix]);

        using ImageSet set = DataSets.Open(Plan, $"{_folder}").Test(null, CPU);
        Assert.Equal(3, set.Count);
    }

    [Theory]
    [InlineData("<!DOCTYPE html><html>", "is not a gzip file (it begins with '<!DOCTYPE')")]
    [InlineData("{\"a\":\n", "is not a gzip file (it begins with '{\"a\":')")]
    [InlineData("PK\u0003\u0004", "is not a gzip file (it begins with 'PK')")]
    [InlineData("\u0007\u0008", "is not a gzip file (it begins with '0x0708')")]
    [InlineData("", "is empty")]
    public void What_is_called_gz_and_is_something_else_is_refused(string content, string sentence)
    {
        Write(Labels, Header(0x801, 3), [7, 0, 9]);
        File.WriteAllText(_folder[Images + ".gz"], content);
        Assert.Equal($"{_folder[Images]}.gz {sentence}: fetch it again.", Refusal());
    }

    [Fact]
    public void A_gz_that_is_cut_or_changed_is_refused()
    {
        Write(Labels, Header(0x801, 3), [7, 0, 9]);
        Write(Images, Header(0x803, 3, 28, 28), Pixels(3), gzip: true);
        byte[] whole = File.ReadAllBytes(_folder[Images + ".gz"]);

        File.WriteAllBytes(_folder[Images + ".gz"], whole[..^40]);
        Assert.StartsWith($"{_folder[Images]}.gz ", Refusal());

        whole[^6] ^= 1; // in the checksum
        File.WriteAllBytes(_folder[Images + ".gz"], whole);
        Assert.StartsWith($"{_folder[Images]}.gz cannot be read: ", Refusal());
    }

    private static byte[] Header(params int[] words)
    {
        byte[] header = new byte[4 * words.Length];
        for (int i = 0; i < words.Length; i++)
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4 * i), words[i]);
        return header;
    }

    private static byte[] Pixels(int images) => [.. Enumerable.Range(0, images * 784).Select(i => (byte)(i * 31))];

    private string Refusal() =>
        Assert.Throws<TrainerException>(() => DataSets.Open(Plan, $"{_folder}").Test(null, CPU)).Message;

    private void Write(string name, byte[] header, byte[] items, bool gzip = false)
    {
        using Stream file = File.Create(_folder[gzip ? name + ".gz" : name]);
        using Stream stream = gzip ? new GZipStream(file, CompressionLevel.Fastest) : file;
        stream.Write([.. header, .. items]);
    }
}
