using System.Buffers.Binary;
using System.Globalization;
using Quorate.Pt;

namespace Quorate.Benchmarks;

/// <summary>The shape of a float32 model, and thus the size of an update.</summary>
internal sealed record Payload(string Name, IReadOnlyList<TensorInfo> Schema)
{
    private const long TensorElements = 4 << 20;

    /// <summary>Bytes of the values alone.</summary>
    public long Bytes => Schema.Sum(tensor => tensor.Bytes);

    /// <exception cref="ArgumentException">The text is neither a known name nor a size.</exception>
    public static Payload Parse(string text) => text switch
    {
        "lr" => new Payload(text, [Of("linear.weight", 10, 784), Of("linear.bias", 10)]),
        "cnn" => new Payload(text,
        [
            Of("conv1.weight", 32, 1, 3, 3), Of("conv1.bias", 32), Of("conv2.weight", 64, 32, 3, 3),
            Of("conv2.bias", 64), Of("fc1.weight", 128, 9216), Of("fc1.bias", 128), Of("fc2.weight", 10, 128),
            Of("fc2.bias", 10),
        ]),
        "resnet18" => new Payload(text, [.. ResNet18()]),
        _ => new Payload(text, [.. Blocks(ParseSize(text))]),
    };

    /// <summary>Writes a model with values of N(0, 1) x 0.05; always the same bytes.</summary>
    public void WriteModel(string path)
    {
        using var file = File.Create(path);
        using var writer = new PtWriter(file, Schema);
        byte[] block = new byte[64 << 10];
        ulong state = 1;
        for (long left = Bytes; left > 0;)
        {
            int count = (int)Math.Min(block.Length, left);
            for (int i = 0; i < count; i += sizeof(float))
                BinaryPrimitives.WriteSingleLittleEndian(block.AsSpan(i), (float)(0.05 * Normal(ref state)));
            writer.Write(block.AsSpan(0, count));
            left -= count;
        }
        writer.Complete();
    }

    private static TensorInfo Of(string name, params ReadOnlySpan<long> shape) =>
        new(name, TensorType.Float32, [.. shape]);

    /// <summary>torchvision's resnet18 without its batch-norm statistics: 62 tensors, 11,689,512 numbers.</summary>
    private static IEnumerable<TensorInfo> ResNet18()
    {
        yield return Of("conv1.weight", 64, 3, 7, 7);
        foreach (var tensor in Norm("bn1", 64)) yield return tensor;
        long from = 64;
        for (int stage = 1; stage <= 4; stage++)
        {
            long width = 32L << stage;
            for (int block = 0; block < 2; block++, from = width)
            {
                string name = $"layer{stage}.{block}";
                yield return Of($"{name}.conv1.weight", width, from, 3, 3);
                foreach (var tensor in Norm($"{name}.bn1", width)) yield return tensor;
                yield return Of($"{name}.conv2.weight", width, width, 3, 3);
                foreach (var tensor in Norm($"{name}.bn2", width)) yield return tensor;
                if (from == width) continue;
                yield return Of($"{name}.downsample.0.weight", width, from, 1, 1);
                foreach (var tensor in Norm($"{name}.downsample.1", width)) yield return tensor;
            }
        }
        yield return Of("fc.weight", 1000, 512);
        yield return Of("fc.bias", 1000);
    }

    private static IEnumerable<TensorInfo> Norm(string name, long width) =>
        [Of($"{name}.weight", width), Of($"{name}.bias", width)];

    private static IEnumerable<TensorInfo> Blocks(long bytes)
    {
        int index = 0;
        for (long left = bytes / sizeof(float); left > 0; left -= TensorElements)
            yield return Of($"block{index++}.weight", Math.Min(left, TensorElements));
    }

    private static long ParseSize(string text)
    {
        (string unit, long factor)[] units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1)];
        foreach (var (unit, factor) in units)
            if (text.EndsWith(unit, StringComparison.Ordinal) && double.TryParse(
                    text[..^unit.Length], CultureInfo.InvariantCulture, out double number)
                && number * factor is >= sizeof(float) and <= 8e9)
                return (long)(number * factor);
        throw new ArgumentException($"--payload must be lr, cnn, resnet18 or a size such as 30MB, not {text}.");
    }

    /// <summary>A sum of four uniform values, which is nearly normal.</summary>
    private static double Normal(ref ulong state)
    {
        state = (state * 6364136223846793005) + 1442695040888963407;
        ulong x = (state ^ (state >> 29)) * 0xBF58476D1CE4E5B9;
        double sum = (x & 0xFFFF) + ((x >> 16) & 0xFFFF) + ((x >> 32) & 0xFFFF) + (x >> 48);
        return ((sum / 65536) - 2) * 1.7320508075688772;
    }
}
