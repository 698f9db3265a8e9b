using Quorate.Aggregation;
using Quorate.Aggregation.Selection;
using Quorate.Pt;
using static Quorate.Unit.Aggregation.Rounds;
using static Quorate.Unit.Pt.PtFixtures;

namespace Quorate.Unit.Aggregation;

/// <summary>Each strategy's published definition, with numbers that can be checked by hand.</summary>
public sealed class StrategyTests : IDisposable
{
    private static readonly float[][] _vectorA = Column(1.0f, 1.1f, 0.9f, 1.2f, 0.8f, 1.05f, 100f);
    private static readonly float[][] _vectorB = Column(9, 10, 11, 12, 1200);

    private static readonly float[][] _vectorC =
        [[1, 2], [2, 1], [1.5f, 1.5f], [.5f, 2.5f], [2.5f, 1], [1.2f, 1.9f], [50, -50]];

    private readonly Rounds _rounds = new();

    public void Dispose() => _rounds.Dispose();

    [Fact]
    public async Task The_median_of_an_odd_number_of_updates_is_the_middle_value()
    {
        Same([1.05f], await _rounds.NextAsync(Plan("median"), _vectorA));
        Same([11f], await _rounds.NextAsync(Plan("median"), _vectorB));
        Same([1.5f, 1.5f], await _rounds.NextAsync(Plan("median"), _vectorC));
    }

    [Fact]
    public async Task The_median_of_an_even_number_of_updates_is_the_mean_of_the_two_middle_values()
    {
        Same([.5f], await _rounds.NextAsync(Plan("median"), Column(.5f, .5f, 1f, .2f)));
        Same([2.5f], await _rounds.NextAsync(Plan("median"), Column(4, 1, 3, 2)));
    }

    [Fact]
    public async Task The_median_ignores_examples()
    {
        WeightedFile[] updates =
        [
            new(_rounds.Floats(1), 1), new(_rounds.Floats(2), 1),
            new(_rounds.Floats(100), WeightedFile.ExamplesMax),
        ];
        var (model, _, counted) = await _rounds.NextAsync(Plan("median"), updates[0].Path, updates);
        Assert.Equal([2f], ReadFloats(model));
        Assert.Equal([0, 1, 2], counted);
    }

    [Fact]
    public async Task The_median_orders_negative_numbers_zeros_and_infinities()
    {
        Same([-2f], await _rounds.NextAsync(Plan("median"), Column(-1, -2, -3)));
        float[] zero = await _rounds.NextAsync(Plan("median"), Column(0f, -0f, -0f));
        Assert.Equal(BitConverter.SingleToUInt32Bits(-0f), BitConverter.SingleToUInt32Bits(zero[0]));
        float[] two = await _rounds.NextAsync(
            Plan("median"), Column(float.NegativeInfinity, float.NegativeInfinity));
        Assert.Equal([float.NegativeInfinity], two);
        Same([float.MaxValue], await _rounds.NextAsync(Plan("median"), Column(float.MaxValue, float.MaxValue)));
    }

    [Fact]
    public async Task The_median_of_many_elements_equals_sorting_each()
    {
        var random = new Random(3);
        float[][] updates = [.. Enumerable.Range(0, 6).Select(_ => Enumerable.Range(0, 5_000)
            .Select(_ => (float)(random.NextDouble() - 0.5)).ToArray())];
        float[] median = await _rounds.NextAsync(Plan("median"), updates);
        for (int i = 0; i < median.Length; i++)
        {
            float[] sorted = [.. updates.Select(update => update[i]).Order()];
            Assert.Equal((float)(((double)sorted[2] + sorted[3]) / 2), median[i]);
        }
    }

    [Fact]
    public async Task The_trimmed_mean_leaves_out_the_smallest_and_the_largest_values_of_each_element()
    {
        Same([1.05f], await _rounds.NextAsync(Plan("trimmedmean"), _vectorA), new Near());
        Same([11f], await _rounds.NextAsync(Plan("trimmedmean"), _vectorB));
        Same([10.5f], await _rounds.NextAsync(
            Plan("trimmedmean", parameters: [("cut", 2)]), Column(10, 900, -800, 11, 0, 1200)));
        Same([1.5f, 1.5f], await _rounds.NextAsync(Plan("trimmedmean", parameters: [("cut", 3)]), _vectorC));
    }

    [Fact]
    public async Task The_trimmed_mean_of_many_elements_equals_sorting_each()
    {
        var random = new Random(4);
        float[][] updates = [.. Enumerable.Range(0, 7).Select(_ => Enumerable.Range(0, 5_000)
            .Select(_ => (float)(random.NextDouble() - 0.5)).ToArray())];
        float[] mean = await _rounds.NextAsync(Plan("trimmedmean", parameters: [("cut", 2)]), updates);
        for (int i = 0; i < mean.Length; i++)
        {
            double[] sorted = [.. updates.Select(update => (double)update[i]).Order()];
            Assert.Equal((float)((sorted[2] + sorted[3] + sorted[4]) / 3), mean[i]);
        }
    }

    [Fact]
    public async Task The_trimmed_mean_ignores_examples_and_keeps_infinities_and_the_sign_of_zero()
    {
        TensorInfo weight = Info("w", TensorType.Float32, 3);
        float[] values = [1, 2, 60];
        WeightedFile[] updates = [.. values.Select((value, i) => new WeightedFile(
            _rounds.Save((weight, Bytes(value, float.NegativeInfinity, -0f))), i == 2 ? WeightedFile.ExamplesMax : 1))];
        var (model, _, counted) = await _rounds.NextAsync(Plan("trimmedmean"), updates[0].Path, updates);
        Assert.Equal(Bytes(2f, float.NegativeInfinity, -0f), Bytes(ReadFloats(model)));
        Assert.Equal([0, 1, 2], counted);
    }

    /// <summary>x = 1 and mean updates of +0.5, -0.25 and +0.125: notes of the FedAvgM definition.</summary>
    [Fact]
    public async Task Server_momentum_follows_its_definition_over_three_rounds()
    {
        var plan = Plan("fedavgm", parameters: [("momentum", 0.9), ("learningRate", 1)]);
        string model = _rounds.Floats(1);
        string? memory = null;
        float[] deltas = [0.5f, -0.25f, 0.125f], expected = [1.5f, 1.7f, 2.005f];
        double x = 1, velocity = 0;
        for (int round = 0; round < deltas.Length; round++)
        {
            float now = ReadFloats(model)[0];
            WeightedFile[] updates =
            [
                new(_rounds.Floats(now + (2 * deltas[round])), 1), new(_rounds.Floats(now), 1),
            ];
            (model, memory, _) = await _rounds.NextAsync(plan, model, updates, memory);
            velocity = (0.9 * velocity) + deltas[round];
            x += velocity;
            Assert.Equal(expected[round], ReadFloats(model)[0], 5);
            Assert.Equal(x, ReadFloats(model)[0], 5);
            Assert.Equal(velocity, ReadFloats(memory!)[0], 5);
        }
    }

    [Fact]
    public async Task Server_momentum_moves_neither_statistics_nor_infinities_and_keeps_no_memory_of_statistics()
    {
        TensorInfo weight = Info("bn.weight", TensorType.Float32, 2), mean = Info("bn.running_var", TensorType.Float32);
        string previous = _rounds.Save((weight, Bytes(1f, float.PositiveInfinity)), (mean, Bytes(4f)));
        string update = _rounds.Save((weight, Bytes(2f, float.PositiveInfinity)), (mean, Bytes(6f)));
        var plan = Plan("fedavgm", parameters: [("learningRate", 2)]);
        var (model, memory, _) = await _rounds.NextAsync(plan, previous, [new WeightedFile(update, 3)]);
        Assert.Equal([3f, float.PositiveInfinity], ReadFloats(model, "bn.weight"));
        Assert.Equal([6f], ReadFloats(model, "bn.running_var"));
        using var file = PtFile.Open(memory!);
        Assert.Equal([weight], file.Schema);
        Assert.Equal([1f, 0f], ReadFloats(memory!, "bn.weight"));
    }

    [Fact]
    public async Task A_memory_of_other_tensors_is_refused()
    {
        string previous = _rounds.Floats(1), memory = _rounds.Floats(1, 2);
        var refused = await Assert.ThrowsAsync<AggregationException>(() => _rounds.NextAsync(
            Plan("fedavgm"), previous, [new WeightedFile(previous, 1)], memory));
        Assert.Contains("Tensor 'w' has shape [2], expected [1].", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Krum_takes_the_update_with_the_lowest_score()
    {
        Same([1.05f], await _rounds.NextAsync(Plan("krum"), _vectorA));
        Same([1.5f, 1.5f], await _rounds.NextAsync(Plan("krum"), _vectorC));
    }

    [Fact]
    public async Task Multi_Krum_takes_the_mean_of_the_lowest_scores()
    {
        var six = Plan("krum", parameters: [("keep", 6)]);
        Same([1.0083333f], await _rounds.NextAsync(six, _vectorA), new Near());
        Same([1.45f, 1.65f], await _rounds.NextAsync(six, _vectorC), new Near());
        Same([10.5f], await _rounds.NextAsync(Plan("krum", parameters: [("keep", 4)]), _vectorB));
    }

    [Fact]
    public async Task Between_equal_scores_Krum_takes_the_first_trainer()
    {
        // The scores of 10 and 11 are both 2.
        Same([10f], await _rounds.NextAsync(Plan("krum"), _vectorB));
        Same([11f], await _rounds.NextAsync(Plan("krum"), Column(9, 11, 10, 12, 1200)));
    }

    [Fact]
    public async Task Krum_ignores_examples_and_names_the_update_that_counted()
    {
        WeightedFile[] updates = [.. _vectorB.Select((update, i) => new WeightedFile(
            _rounds.Floats(update), i == 4 ? WeightedFile.ExamplesMax : 1))];
        var (_, _, counted) = await _rounds.NextAsync(Plan("krum"), updates[0].Path, updates);
        Assert.Equal([1], counted);
    }

    [Theory]
    [InlineData(0, 3.05)]
    [InlineData(1, 4.2)]
    [InlineData(2, 2.5)]
    [InlineData(3, 7.85)]
    [InlineData(4, 7.25)]
    [InlineData(5, 2.6)]
    [InlineData(6, 19841.8)]
    public void Krums_scores_are_those_of_the_definition(int update, double score)
    {
        var distances = new Distances(_vectorC.Length);
        double[] rows = new double[_vectorC.Length * 512];
        for (int u = 0; u < _vectorC.Length; u++)
            (rows[u * 512], rows[(u * 512) + 1]) = (_vectorC[u][0], _vectorC[u][1]);
        distances.Add(rows, 2);
        Assert.Equal(score, new Krum(1, 1).Score(distances, update), 0.001 * score);
    }

    [Fact]
    public async Task Distances_leave_out_counters_statistics_and_equal_infinities()
    {
        TensorInfo weight = Info("w", TensorType.Float32, 2), statistic = Info("bn.running_mean", TensorType.Float32),
            counter = Info("bn.num_batches_tracked", TensorType.Int64);
        float[] weights = [9, 11, 10, 12, 1200];
        WeightedFile[] updates = [.. weights.Select((w, i) => new WeightedFile(_rounds.Save(
            (weight, Bytes(w, float.NegativeInfinity)), (statistic, Bytes(i * 1e6f)), (counter, Bytes(i * 1_000_000L))),
            1))];
        var (model, _, counted) = await _rounds.NextAsync(Plan("krum"), updates[0].Path, updates);
        Assert.Equal([1], counted);
        Assert.Equal([11, float.NegativeInfinity], ReadFloats(model));
    }

    [Theory]
    [InlineData("median")]
    [InlineData("trimmedmean")]
    [InlineData("fedavgm")]
    [InlineData("fedadam")]
    [InlineData("fedyogi")]
    [InlineData("fedadagrad")]
    [InlineData("krum")]
    public async Task Every_strategy_gives_the_same_bytes_with_any_block_size(string strategy)
    {
        TensorInfo[] schema =
        [
            Info("a", TensorType.Float32, 3_001), Info("bn.running_var", TensorType.Float64, 17),
            Info("half", TensorType.Float16, 701), Info("brain", TensorType.BFloat16, 5),
            Info("bn.num_batches_tracked", TensorType.Int64), Info("large", TensorType.Float32, 50_000),
        ];
        var random = new Random(5);
        WeightedFile[] updates = [.. Enumerable.Range(1, 7).Select(examples => new WeightedFile(_rounds.Save(
            [.. schema.Select(tensor => (tensor, Any(tensor, random)))]), examples))];
        var plan = Plan(strategy);
        var (_, before, _) = await _rounds.NextAsync(plan, updates[1].Path, updates);
        var (usual, usualMemory, counted) = await _rounds.NextAsync(plan, updates[0].Path, updates, before);
        foreach (int blockBytes in new[] { 8, 4_099, 1 << 17 })
        {
            var (other, memory, otherCounted) = await _rounds.NextAsync(
                plan, updates[0].Path, updates, before, new Aggregator(blockBytes));
            Assert.Equal(File.ReadAllBytes(usual), File.ReadAllBytes(other));
            Assert.Equal(counted, otherCounted);
            if (memory is not null) Assert.Equal(File.ReadAllBytes(usualMemory!), File.ReadAllBytes(memory));
        }
    }

    [Theory]
    [InlineData("median")]
    [InlineData("trimmedmean")]
    [InlineData("krum")]
    public async Task The_order_of_the_updates_does_not_change_the_model(string strategy)
    {
        var random = new Random(6);
        float[][] updates = [.. Enumerable.Range(0, 7).Select(_ => Enumerable.Range(0, 1_000)
            .Select(_ => (float)(random.NextDouble() - 0.5)).ToArray())];
        float[] forward = await _rounds.NextAsync(Plan(strategy), updates);
        Assert.Equal(forward, await _rounds.NextAsync(Plan(strategy), [.. updates.Reverse()]));
    }

    [Theory]
    [InlineData("median")]
    [InlineData("trimmedmean")]
    [InlineData("krum")]
    public async Task A_hundredfold_update_does_not_move_a_robust_strategy_as_it_moves_the_mean(string strategy)
    {
        Assert.True((await _rounds.NextAsync(AggregationPlan.Mean, _vectorA))[0] > 15);
        Assert.InRange((await _rounds.NextAsync(Plan(strategy), _vectorA))[0], 0.8f, 1.2f);
    }

    private static byte[] Any(TensorInfo tensor, Random random)
    {
        var bytes = new MemoryStream();
        for (long i = 0; i < tensor.Elements; i++)
            bytes.Write(tensor.Type.IsFloating()
                ? PlainAverage.Narrow(tensor.Type, random.NextDouble() - 0.5)
                : BitConverter.GetBytes(random.NextInt64(100))[..tensor.Type.Size()]);
        return bytes.ToArray();
    }

    private static void Same(float[] expected, float[] actual, IEqualityComparer<float>? comparer = null) =>
        Assert.Equal(expected.AsEnumerable(), actual, comparer ?? EqualityComparer<float>.Default);

    private static float[][] Column(params float[] values) => [.. values.Select(value => new[] { value })];

    private sealed class Near : IEqualityComparer<float>
    {
        public bool Equals(float x, float y) => Math.Abs(x - y) < 1e-6f;

        public int GetHashCode(float obj) => 0;
    }
}
