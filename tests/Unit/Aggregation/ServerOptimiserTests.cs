using System.Runtime.InteropServices;
using Quorate.Aggregation;
using Quorate.Pt;
using static Quorate.Unit.Aggregation.Rounds;
using static Quorate.Unit.Pt.PtFixtures;

namespace Quorate.Unit.Aggregation;

/// <summary>
/// The adaptive strategies against numbers that were computed elsewhere, in double: x starts at 1, Δ is 0.5, -0.25 and
/// 0.125, the learning rate is 0.1, beta1 0.9, beta2 0.99 and tau 0.001.
/// </summary>
public sealed class ServerOptimiserTests : IDisposable
{
    private readonly Rounds _rounds = new();

    public void Dispose() => _rounds.Dispose();

    [Fact]
    public Task FedAdam_takes_the_steps_of_the_papers_text() =>
        FollowsAsync("fedadam", [1.098039216, 1.133326498, 1.186102622]);

    [Fact]
    public Task FedAdam_takes_the_steps_from_an_initial_accumulator_of_tau_squared() =>
        FollowsAsync("fedadam", [1.098020190, 1.133301994, 1.186070318], ("initialAccumulator", 1e-6));

    [Fact]
    public Task FedAdam_takes_the_steps_with_the_bias_correction_of_Keras() =>
        FollowsAsync("fedadam", [1.098039216, 1.124238604, 1.157801060], ("biasCorrection", 1));

    [Fact]
    public Task FedAdam_takes_the_steps_with_the_bias_correction_of_PyTorch() =>
        FollowsAsync("fedadam", [1.099800399, 1.126402941, 1.160453047], ("biasCorrection", 2));

    [Fact]
    public Task FedAdam_takes_the_steps_with_bias_correction_and_an_initial_accumulator() => FollowsAsync(
        "fedadam", [1.099780684, 1.126379032, 1.160424033], ("biasCorrection", 2), ("initialAccumulator", 1e-6));

    [Fact]
    public Task FedYogi_takes_the_steps_of_the_papers_text() =>
        FollowsAsync("fedyogi", [1.098039216, 1.133187551, 1.185519141]);

    [Fact]
    public Task FedYogi_takes_the_steps_with_the_bias_correction_of_Keras() =>
        FollowsAsync("fedyogi", [1.098039216, 1.124135441, 1.157415200], ("biasCorrection", 1));

    [Fact]
    public Task FedAdagrad_takes_the_steps_of_the_papers_experiments() =>
        FollowsAsync("fedadagrad", [1.099800399, 1.055158897, 1.076942657]);

    [Fact]
    public Task FedAdagrad_takes_the_steps_from_an_initial_accumulator() =>
        FollowsAsync("fedadagrad", [1.097866136, 1.053920974, 1.075380748], ("initialAccumulator", 0.01));

    [Fact]
    public async Task FedAdagrad_agrees_with_the_example_of_Flower()
    {
        var plan = Plan("fedadagrad", parameters: [("learningRate", 0.1), ("tau", 0.5)]);
        var (model, _, _) = await _rounds.NextAsync(
            plan, Doubles(0.1), [new WeightedFile(Doubles(0.2), 1), new WeightedFile(Doubles(1), 1)]);
        Assert.Equal(0.15, ReadDoubles(model)[0], 12);
    }

    [Theory]
    [InlineData("fedadam")]
    [InlineData("fedyogi")]
    [InlineData("fedadagrad")]
    public async Task A_round_without_a_memory_is_a_first_round(string strategy)
    {
        var plan = Plan(strategy, parameters: [("initialAccumulator", 0.01)]);
        string previous = Doubles(1);
        WeightedFile[] updates = [new(Doubles(1.5), 1)];
        var first = await _rounds.NextAsync(plan, previous, updates);
        var again = await _rounds.NextAsync(plan, previous, updates);
        var second = await _rounds.NextAsync(plan, previous, updates, first.Memory);
        Assert.Equal(File.ReadAllBytes(first.Memory!), File.ReadAllBytes(again.Memory!));
        Assert.Equal(ReadDoubles(first.Model)[0], ReadDoubles(again.Model)[0]);
        Assert.NotEqual(ReadDoubles(first.Model)[0], ReadDoubles(second.Model)[0]);
    }

    [Theory]
    [InlineData("fedadam", "tau", 0.001, 2)]
    [InlineData("fedadam", "biasCorrection", 1, 3)]
    [InlineData("fedyogi", "initialAccumulator", 0.1, 3)]
    [InlineData("fedyogi", "beta1", 0, 1)]
    [InlineData("fedadagrad", "tau", 0.001, 1)]
    [InlineData("fedadagrad", "initialAccumulator", 0.1, 2)]
    public async Task The_memory_has_only_the_numbers_that_the_parameters_need(
        string strategy, string parameter, double value, int numbers)
    {
        string model = Doubles(1, 2, 3);
        var (_, memory, _) = await _rounds.NextAsync(
            Plan(strategy, parameters: [(parameter, value)]), model, [new WeightedFile(model, 1)]);
        Assert.Equal(3 * numbers, ReadDoubles(memory!).Length);
    }

    [Theory]
    [InlineData("fedadam")]
    [InlineData("fedyogi")]
    [InlineData("fedadagrad")]
    public async Task Statistics_counters_and_infinities_are_not_optimised(string strategy)
    {
        TensorInfo weight = Info("bn.weight", TensorType.Float32, 2),
            variance = Info("bn.running_var", TensorType.Float32),
            counter = Info("bn.num_batches_tracked", TensorType.Int64);
        string previous = Save(1, 4, 1);
        var (model, memory, _) = await _rounds.NextAsync(
            Plan(strategy), previous, [new WeightedFile(Save(2, 6, 9), 1), new WeightedFile(Save(2, 8, 5), 1)]);
        float[] weights = ReadFloats(model, "bn.weight");
        Assert.InRange(weights[0], 1.009f, 1.011f);
        Assert.Equal(float.PositiveInfinity, weights[1]);
        Assert.Equal([7f], ReadFloats(model, "bn.running_var"));
        using var file = PtFile.Open(model);
        Assert.Equal(Bytes(9L), file.ReadBytes("bn.num_batches_tracked"));
        using var remembered = PtFile.Open(memory!);
        Assert.Equal(["bn.weight"], remembered.Schema.Select(tensor => tensor.Name));

        string Save(float w, float v, long batches) => _rounds.Save(
            (weight, Bytes(w, float.PositiveInfinity)), (variance, Bytes(v)), (counter, Bytes(batches)));
    }

    [Theory]
    [InlineData("fedadam")]
    [InlineData("fedyogi")]
    [InlineData("fedadagrad")]
    public async Task An_element_that_an_update_moved_far_away_still_moves_in_later_rounds(string strategy)
    {
        var plan = Plan(strategy, parameters: [("learningRate", 1)]);
        var (model, memory, _) = await _rounds.NextAsync(plan, Doubles(0), [new WeightedFile(Doubles(-1e300), 1)]);
        Assert.All(ReadDoubles(memory!), number => Assert.True(double.IsFinite(number)));
        double before = ReadDoubles(model)[0];
        (model, memory, _) = await _rounds.NextAsync(plan, model, [new WeightedFile(Doubles(1e300), 1)], memory);
        Assert.All(ReadDoubles(memory!), number => Assert.True(double.IsFinite(number)));
        Assert.True(double.IsFinite(ReadDoubles(model)[0]));
        Assert.True(ReadDoubles(model)[0] > before);
    }

    [Theory]
    [InlineData("fedadam")]
    [InlineData("fedyogi")]
    public async Task Rounds_at_the_same_time_give_the_same_bytes_with_any_block_size(string strategy)
    {
        var random = new Random(8);
        WeightedFile[] updates = [.. Enumerable.Range(1, 5).Select(examples => new WeightedFile(
            _rounds.Floats([.. Enumerable.Range(0, 70_001).Select(_ => (float)random.NextDouble())]), examples))];
        var plan = Plan(strategy, parameters: [("biasCorrection", 2), ("initialAccumulator", 1e-6)]);
        var (model, memory, _) = await _rounds.NextAsync(plan, updates[0].Path, updates);
        var alone = await _rounds.NextAsync(plan, model, updates, memory);
        int[] blockBytes = [8, 4_099, 40_000, 1 << 17, 1 << 18, 1 << 18, 1 << 18];
        var together = await Task.WhenAll(blockBytes.Select(bytes => _rounds.NextAsync(
            plan, model, updates, memory, new Aggregator(bytes))));
        Assert.All(together, round =>
        {
            Assert.Equal(File.ReadAllBytes(alone.Model), File.ReadAllBytes(round.Model));
            Assert.Equal(File.ReadAllBytes(alone.Memory!), File.ReadAllBytes(round.Memory!));
        });
    }

    private async Task FollowsAsync(
        string strategy, double[] expected, params (string Name, double Value)[] parameters)
    {
        var plan = Plan(strategy, parameters: [("learningRate", 0.1), .. parameters]);
        string model = Doubles(1);
        string? memory = null;
        double[] deltas = [0.5, -0.25, 0.125];
        for (int round = 0; round < deltas.Length; round++)
        {
            double now = ReadDoubles(model)[0];
            WeightedFile[] updates = [new(Doubles(now + (2 * deltas[round])), 7), new(Doubles(now), 7)];
            (model, memory, _) = await _rounds.NextAsync(plan, model, updates, memory);
            Assert.Equal(expected[round], ReadDoubles(model)[0], 9);
        }
    }

    private string Doubles(params double[] values) =>
        _rounds.Save((Info("w", TensorType.Float64, values.Length), Bytes(values)));

    private static double[] ReadDoubles(string path)
    {
        using var file = PtFile.Open(path);
        return MemoryMarshal.Cast<byte, double>(file.ReadBytes("w")).ToArray();
    }
}
