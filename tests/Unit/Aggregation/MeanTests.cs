using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Quorate.Aggregation;
using Quorate.Aggregation.Windows;
using Quorate.Pt;
using Quorate.Unit.Pt;
using static Quorate.Unit.Aggregation.PlainAverage;
using static Quorate.Unit.Pt.PtFixtures;

namespace Quorate.Unit.Aggregation;

public sealed class MeanTests : IDisposable
{
    // Sizes around and between the vectors' widths, one above a window, an empty one. A tensor with an odd number of
    // bytes makes those after it unaligned.
    private static readonly ImmutableArray<TensorInfo> Schema =
    [
        Info("conv.weight", TensorType.Float32, 6, 1, 5, 5), Info("bn.num_batches_tracked", TensorType.Int64),
        Info("mask", TensorType.Bool, 3), Info("odd", TensorType.Float32, 17), Info("double", TensorType.Float64, 13),
        Info("half", TensorType.Float16, 31), Info("brain", TensorType.BFloat16, 33),
        Info("empty", TensorType.Float32, 0),
        Info("large", TensorType.Float32, 40_000), Info("int32", TensorType.Int32, 5),
        Info("int16", TensorType.Int16, 5),
        Info("int8", TensorType.Int8, 5), Info("uint8", TensorType.UInt8, 5),
    ];

    /// <summary>Integers in this schema are random, so each takes the maximum.</summary>
    private static readonly AggregationPlan _plan = Rounds.Plan("mean", keys: [("*int*", "max")]);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_mean_equals_a_plain_loop_in_double_bit_for_bit()
    {
        byte[][] updates = [.. Enumerable.Range(1, 5).Select(seed => Content(Schema, seed))];
        long[] examples = [12_000, 1, 77, WeightedFile.ExamplesMax, 6_000];
        using PtFile mean = await Average(updates.Zip(examples));

        int offset = 0;
        foreach (TensorInfo tensor in Schema)
        {
            byte[] expected = new byte[tensor.Bytes];
            for (int i = 0; i < tensor.Elements; i++)
            {
                int at = i * tensor.Type.Size();
                Range element = (offset + at)..(offset + at + tensor.Type.Size());
                Mean(tensor.Type, [.. updates.Select(update => update.AsMemory(element))], examples).CopyTo(
                    expected.AsSpan(at));
            }

            Assert.True(expected.AsSpan().SequenceEqual(mean.ReadBytes(tensor.Name)), tensor.Name);
            offset += expected.Length;
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(4_099)]
    [InlineData(1 << 20)]
    public async Task Blocks_of_any_size_give_the_same_file(int blockBytes)
    {
        WeightedFile[] updates = [.. Enumerable.Range(1, 3)
            .Select(seed => new WeightedFile(Save(Content(Schema, seed)), seed * 100))];
        var usual = new MemoryStream();
        await WriteAsync(updates, usual);
        var other = new MemoryStream();
        await WriteAsync(updates, other, blockBytes);
        Assert.Equal(usual.ToArray(), other.ToArray());
    }

    [Fact]
    public async Task A_lone_update_is_its_own_mean()
    {
        byte[] content = Content(Schema, 1);
        MemoryMarshal.Write(content, -0.0f);
        var mean = new MemoryStream();
        string path = Save(content);
        await WriteAsync([new WeightedFile(path, 12_347)], mean);
        Assert.Equal(File.ReadAllBytes(path), mean.ToArray());
    }

    [Fact]
    public async Task Tensors_are_matched_by_name_whatever_their_order_in_a_file()
    {
        TensorInfo a = Info("a", TensorType.Float32, 1), b = Info("b", TensorType.Float32, 1);
        string first = _folder.Write("first.pt", Write((a, Bytes(1f)), (b, Bytes(10f))));
        string second = _folder.Write("second.pt", Write((b, Bytes(20f)), (a, Bytes(2f))));
        using PtFile mean = await Average([new WeightedFile(first, 1), new WeightedFile(second, 3)]);
        Assert.Equal([a, b], mean.Schema);
        Assert.Equal(1.75f, BinaryPrimitives.ReadSingleLittleEndian(mean.ReadBytes("a")));
        Assert.Equal(17.5f, BinaryPrimitives.ReadSingleLittleEndian(mean.ReadBytes("b")));
    }

    [Fact]
    public async Task Views_into_a_larger_storage_are_averaged_as_what_they_show()
    {
        using PtFile mean = await Average(
            [new WeightedFile(PathOf("shapes.pt"), 2), new WeightedFile(PathOf("shapes.pt"), 1)]);
        using PtFile fixture = PtFile.Open(PathOf("shapes.pt"));
        Assert.Equal(fixture.Schema, mean.Schema);
        Assert.All(fixture.Schema, tensor => Assert.Equal(fixture.ReadBytes(tensor.Name), mean.ReadBytes(tensor.Name)));
    }

    // Each mean is exactly at, or just beside, the midpoint between two neighbours of the narrow type.
    [Theory]
    [InlineData(TensorType.BFloat16, 1.0, 1.0078125, 1, 1, 1.0)]
    [InlineData(TensorType.BFloat16, 1.0078125, 1.015625, 1, 1, 1.015625)]
    [InlineData(TensorType.BFloat16, 1.0, 1.0078125, 100_000_000, 100_000_001, 1.0078125)]
    [InlineData(TensorType.BFloat16, 1.0078125, 1.015625, 100_000_001, 100_000_000, 1.0078125)]
    [InlineData(TensorType.Float16, 1.0, 1.0009765625, 1, 1, 1.0)]
    [InlineData(TensorType.Float16, 1.0, 1.0009765625, 100_000_000, 100_000_001, 1.0009765625)]
    public async Task Narrow_types_are_rounded_once_to_nearest_with_ties_to_even(
        TensorType type, double first, double second, long firstExamples, long secondExamples, double expected)
    {
        TensorInfo tensor = Info("w", type, 1);
        string a = _folder.Write("a.pt", Write((tensor, Narrow(type, first))));
        string b = _folder.Write("b.pt", Write((tensor, Narrow(type, second))));
        using PtFile mean = await Average(
            [new WeightedFile(a, firstExamples), new WeightedFile(b, secondExamples)]);
        Assert.Equal(Narrow(type, expected), mean.ReadBytes("w"));
    }

    [Fact]
    public async Task Updates_with_different_booleans_are_refused()
    {
        byte[] other = Content(Schema, 2);
        int mask = (int)Schema.TakeWhile(tensor => tensor.Name != "mask").Sum(tensor => tensor.Bytes);
        other[mask] ^= 1;
        AggregationException refused = await Assert.ThrowsAsync<AggregationException>(
            () => Average([(Content(Schema, 1), 1), (other, 1)]));
        Assert.EndsWith(
            "Tensor 'mask' differs from the first update's.",
            refused.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_update_is_named_and_refused()
    {
        string good = Save(Content(Schema, 1)), bad = Save(Content(Schema, 2));
        byte[] bytes = File.ReadAllBytes(bad);
        using (PtFile file = PtFile.Open(bad)) bytes[file.Find("large")!.FileOffset + 150_000] ^= 4;
        File.WriteAllBytes(bad, bytes);
        AggregationException refused = await Assert.ThrowsAsync<AggregationException>(
            () => Average([new WeightedFile(good, 1), new WeightedFile(bad, 1)]));
        Assert.Contains(Path.GetFileName(bad), refused.Message, StringComparison.Ordinal);
        Assert.Contains("'archive/data/8' has CRC-32", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_update_with_other_tensors_is_named_and_refused()
    {
        string one = _folder.Write("one.pt", Write((Info("w", TensorType.Float32, 1), Bytes(1f))));
        string two = _folder.Write("two.pt", Write((Info("w", TensorType.Float32, 2), Bytes(1f, 2f))));
        AggregationException refused = await Assert.ThrowsAsync<AggregationException>(
            () => Average([new WeightedFile(one, 1), new WeightedFile(two, 1)]));
        Assert.Equal("two.pt cannot be aggregated: Tensor 'w' has shape [2], expected [1].", refused.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(WeightedFile.ExamplesMax + 1)]
    public async Task Numbers_of_examples_out_of_range_are_an_error(long examples)
    {
        string path = Save(Content(Schema, 1));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Average([new WeightedFile(path, examples)]));
    }

    [Fact]
    public async Task No_update_is_an_error() =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => new Aggregator().AggregateAsync(
            new RoundInputs(PathOf("shapes.pt"), null, [], _plan), Stream.Null, null, CancellationToken.None));

    [Fact]
    public async Task A_cancelled_average_ends()
    {
        string path = Save(Content(Schema, 1));
        await Assert.ThrowsAsync<OperationCanceledException>(
            () => new Aggregator().AggregateAsync(
                new RoundInputs(path, null, [new WeightedFile(path, 1)], _plan), Stream.Null, null,
                new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task A_failing_output_ends_the_average_with_its_error()
    {
        string path = Save(Content(Schema, 1));
        var full = new MemoryStream(new byte[100_000]);
        await Assert.ThrowsAsync<NotSupportedException>(
            () => WriteAsync([new WeightedFile(path, 1)], full, 1_000));
    }

    [Theory]
    [InlineData(1, 128)]
    [InlineData(20, 48)]
    [InlineData(50, 32)]
    [InlineData(128, 32)]
    [InlineData(200, 20)]
    [InlineData(1_000, 4)]
    [InlineData(10_000, 4)]
    public void Many_updates_are_read_in_smaller_pieces(int updates, int kibibytes) =>
        Assert.Equal(kibibytes << 10, ReadAhead.StrideOf(updates));

    /// <summary>
    /// Counted on the thread that combines: twenty updates of 8 MB cost their directories and some scratch.
    /// </summary>
    [Theory]
    [InlineData("mean")]
    [InlineData("median")]
    [InlineData("trimmedmean")]
    [InlineData("fedavgm")]
    [InlineData("krum")]
    public void Memory_grows_neither_with_the_updates_nor_with_the_model(string strategy)
    {
        var plan = Rounds.Plan(strategy);
        long small = Allocated(plan, updates: 5, elements: 20_000);
        long large = Allocated(plan, updates: 20, elements: 2_000_000);
        Assert.InRange(large - small, 0, 512 << 10);
    }

    private long Allocated(AggregationPlan plan, int updates, int elements)
    {
        TensorInfo[] schema = [Info("w", TensorType.Float32, elements)];
        string path = _folder.Write($"{elements}.pt", Write((schema[0], new byte[schema[0].Bytes])));
        string? memory = plan.HasMemory ? path : null;
        WeightedFile[] inputs = [.. Enumerable.Repeat(new WeightedFile(path, 1), updates)];
        OneThread.Run(AverageOnceAsync);
        long before = GC.GetAllocatedBytesForCurrentThread();
        OneThread.Run(AverageOnceAsync);
        return GC.GetAllocatedBytesForCurrentThread() - before;

        Task AverageOnceAsync() => new Aggregator().AggregateAsync(
            new RoundInputs(path, memory, inputs, plan), Stream.Null, plan.HasMemory ? Stream.Null : null,
            CancellationToken.None);
    }

    /// <summary>Runs everything after an await on the thread where it started.</summary>
    private sealed class OneThread : SynchronizationContext
    {
        private readonly BlockingCollection<(SendOrPostCallback Call, object? State)> _calls = [];

        public static void Run(Func<Task> work)
        {
            var (context, before) = (new OneThread(), Current);
            SetSynchronizationContext(context);
            try
            {
                var done = work();
                done.ContinueWith(_ => context._calls.CompleteAdding(), TaskScheduler.Default);
                foreach (var (call, state) in context._calls.GetConsumingEnumerable()) call(state);
                done.GetAwaiter().GetResult();
            }
            finally
            {
                SetSynchronizationContext(before);
            }
        }

        public override void Post(SendOrPostCallback d, object? state) => _calls.Add((d, state));
    }

    private Task<PtFile> Average(IEnumerable<(byte[] Content, long Examples)> updates) =>
        Average([.. updates.Select(update => new WeightedFile(Save(update.Content), update.Examples))]);

    private async Task<PtFile> Average(WeightedFile[] updates)
    {
        await using (FileStream output = File.Create(_folder.File("mean.pt")))
            await WriteAsync(updates, output);
        return PtFile.Open(_folder.File("mean.pt"));
    }

    private static Task<Aggregated> WriteAsync(
        WeightedFile[] updates, Stream output, int blockBytes = FileBlocks.BytesMax) =>
        new Aggregator(blockBytes).AggregateAsync(
            new RoundInputs(updates[0].Path, null, updates, _plan), output, null, CancellationToken.None);

    private string Save(byte[] content)
    {
        int offset = 0;
        byte[] file = Write([.. Schema.Select(tensor => (tensor, content[offset..(offset += (int)tensor.Bytes)]))]);
        return _folder.Write($"{Guid.NewGuid():n}.pt", file);
    }

    /// <summary>Seeded finite values for every tensor; booleans do not depend on the seed.</summary>
    private static byte[] Content(IReadOnlyList<TensorInfo> schema, int seed)
    {
        ulong state = (ulong)seed;
        var content = new MemoryStream();
        foreach (TensorInfo tensor in schema)
        {
            for (long i = 0; i < tensor.Elements; i++)
            {
                double fraction = ((SplitMix(ref state) >> 11) * Math.Pow(2, -52)) - 1;
                double value = Math.ScaleB(fraction, -(int)(SplitMix(ref state) % 12));
                content.Write(tensor.Type switch
                {
                    TensorType.Bool => [(byte)(i % 2)],
                    { } type when type.IsFloating() => Narrow(type, value),
                    _ => BitConverter.GetBytes(SplitMix(ref state))[..tensor.Type.Size()],
                });
            }
        }

        return content.ToArray();
    }

    private static ulong SplitMix(ref ulong state)
    {
        ulong mixed = state += 0x9e3779b97f4a7c15;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }

    private static byte[] Bytes(params float[] values) => MemoryMarshal.AsBytes<float>(values).ToArray();
}
