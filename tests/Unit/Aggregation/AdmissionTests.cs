using Quorate.Aggregation;
using Quorate.Pt;
using static Quorate.Unit.Aggregation.Rounds;
using static Quorate.Unit.Pt.PtFixtures;

namespace Quorate.Unit.Aggregation;

/// <summary>What may be the first model, and what may count in a round.</summary>
public sealed class AdmissionTests : IDisposable
{
    private static readonly TensorInfo _weight = Info("w", TensorType.Float32, 2);

    private readonly Rounds _rounds = new();

    public void Dispose() => _rounds.Dispose();

    [Theory]
    [InlineData("infinite_mask.pt")]
    [InlineData("observer.pt")]
    public async Task A_model_with_infinite_constants_is_trained_as_any_other(string fixture)
    {
        string model = PathOf(fixture);
        Assert.Equal(CheckResult.Passed, First(model));
        Assert.Equal(CheckResult.Passed, Update(model, model));
        WeightedFile[] updates = [new(model, 1), new(model, 2)];
        foreach (string strategy in new[] { "mean", "median", "fedavgm", "fedadam" })
        {
            var (next, _, _) = await _rounds.NextAsync(Plan(strategy), model, updates);
            using PtFile before = PtFile.Open(model), after = PtFile.Open(next);
            Assert.All(before.Schema, tensor =>
                Assert.Equal(before.ReadBytes(tensor.Name), after.ReadBytes(tensor.Name)));
        }
    }

    [Theory]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NaN)]
    [InlineData(1f)]
    public void An_update_must_have_the_infinities_of_the_model(float value)
    {
        string model = _rounds.Floats(0, float.NegativeInfinity);
        Assert.Equal(CheckResult.Passed, Update(model, _rounds.Floats(3, float.NegativeInfinity)));
        Assert.Equal(
            "Tensor 'w' must have the infinities of the round's model in the same places, and no NaN.",
            Update(model, _rounds.Floats(3, value)).ToString());
    }

    [Theory]
    [InlineData(float.NegativeInfinity)]
    [InlineData(float.NaN)]
    public void An_update_has_no_other_infinities_and_no_NaN(float value) => Assert.Equal(
        "Tensor 'w' contains NaN or Inf.", Update(_rounds.Floats(0, 0), _rounds.Floats(0, value)).ToString());

    [Theory]
    [InlineData(TensorType.Float64)]
    [InlineData(TensorType.Float16)]
    [InlineData(TensorType.BFloat16)]
    public void The_rule_of_infinities_holds_for_every_floating_type(TensorType type)
    {
        TensorInfo tensor = Info("w", type, 2);
        string model = Save(double.PositiveInfinity), other = Save(double.NegativeInfinity), none = Save(1);
        Assert.Equal(CheckResult.Passed, First(model));
        Assert.Equal("Tensor 'w' contains NaN.", First(Save(double.NaN)).ToString());
        Assert.Equal(CheckResult.Passed, Update(model, model));
        Assert.NotEqual(CheckResult.Passed, Update(model, other));
        Assert.NotEqual(CheckResult.Passed, Update(model, none));
        Assert.NotEqual(CheckResult.Passed, Update(none, model));

        string Save(double value) => _rounds.Save(
            (tensor, [.. PlainAverage.Narrow(type, 0.5), .. PlainAverage.Narrow(type, value)]));
    }

    [Fact]
    public void A_model_with_NaN_may_not_start_a_run() =>
        Assert.Equal("Tensor 'w' contains NaN.", First(_rounds.Floats(1, float.NaN)).ToString());

    [Fact]
    public void A_model_without_tensors_may_not_start_a_run() => Assert.Equal(
        "The file has no tensors: check the filter that chose them before torch.save.",
        First(PathOf("empty.pt")).ToString());

    [Fact]
    public void Changed_integers_are_refused_by_name() => Assert.Equal(
        "Tensor 'weight' has integers (Int8) that differ from the model's. If a mean or a maximum is right for them, "
            + "give the tensor the rule average or max in aggregation.keys of the run file.",
        Update(PathOf("int8_seed.pt"), PathOf("int8_a.pt")).ToString());

    [Theory]
    [InlineData("average", new sbyte[] { 15, -15, 0, 0 })]
    [InlineData("max", new sbyte[] { 20, -10, 5, 127 })]
    public async Task Integers_follow_an_explicit_rule(string rule, sbyte[] expected)
    {
        var plan = Plan("mean", keys: [("weight", rule)]);
        string model = PathOf("int8_seed.pt");
        WeightedFile[] updates = [new(PathOf("int8_a.pt"), 1), new(PathOf("int8_b.pt"), 1)];
        Assert.All(updates, update => Assert.Equal(CheckResult.Passed, Update(model, update.Path, plan)));
        var (next, _, _) = await _rounds.NextAsync(plan, model, updates);
        using PtFile file = PtFile.Open(next);
        Assert.Equal(Bytes(expected), file.ReadBytes("weight"));
    }

    [Fact]
    public void Changed_booleans_are_refused_by_name()
    {
        TensorInfo mask = Info("m", TensorType.Bool, 2);
        string model = _rounds.Save((mask, [0, 1]), (_weight, Bytes(1f, 2f)));
        Assert.Equal(CheckResult.Passed, Update(model, _rounds.Save((_weight, Bytes(3f, 4f)), (mask, [0, 1]))));
        Assert.Equal(
            "Tensor 'm' is boolean and differs from the model's: booleans have no mean.",
            Update(model, _rounds.Save((mask, [1, 1]), (_weight, Bytes(1f, 2f)))).ToString());
    }

    [Fact]
    public async Task BatchNorm_needs_no_configuration()
    {
        TensorInfo mean = Info("bn.running_mean", TensorType.Float32),
            count = Info("bn.num_batches_tracked", TensorType.Int64);
        string model = Save(0, 0), one = Save(1, 10), other = Save(4, 7);
        Assert.Equal(CheckResult.Passed, Update(model, one));
        var (next, _, _) = await _rounds.NextAsync(
            AggregationPlan.Mean, model, [new WeightedFile(one, 1), new WeightedFile(other, 2)]);
        using PtFile file = PtFile.Open(next);
        Assert.Equal(Bytes(3f), file.ReadBytes(mean.Name));
        Assert.Equal(Bytes(10L), file.ReadBytes(count.Name));

        string Save(float average, long batches) => _rounds.Save((mean, Bytes(average)), (count, Bytes(batches)));
    }

    [Fact]
    public async Task Frozen_tensors_stay_as_in_the_model_and_need_not_be_sent()
    {
        TensorInfo large = Info("base.w", TensorType.Float32, 5_000);
        byte[] content = new byte[large.Bytes];
        new Random(2).NextBytes(content);
        for (int i = 3; i < content.Length; i += 4) content[i] &= 0xBF;
        var plan = Plan("fedavgm", keys: [("base.*", "frozen")]);
        string model = _rounds.Save((large, content), (_weight, Bytes(0f, 0f)));
        string without = _rounds.Save((_weight, Bytes(2f, 2f)));
        string with = _rounds.Save((_weight, Bytes(4f, 4f)), (large, content));
        content[0] ^= 1;
        string changed = _rounds.Save((_weight, Bytes(4f, 4f)), (large, content));
        content[0] ^= 1;
        Assert.Equal(CheckResult.Passed, Update(model, without, plan));
        Assert.Equal(CheckResult.Passed, Update(model, with, plan));
        Assert.Equal(
            "Tensor 'base.w' is frozen by the run's key rules and differs from the model's.",
            Update(model, changed, plan).ToString());
        var (next, _, _) = await _rounds.NextAsync(
            plan, model, [new WeightedFile(without, 1), new WeightedFile(with, 1)]);
        using PtFile file = PtFile.Open(next);
        Assert.Equal(content, file.ReadBytes("base.w"));
        Assert.Equal(Bytes(3f, 3f), file.ReadBytes("w"));
    }

    [Fact]
    public void Local_tensors_are_in_no_model_and_in_no_update()
    {
        var plan = Plan("mean", keys: [("head.*", "local")]);
        string with = _rounds.Save((_weight, Bytes(1f, 2f)), (Info("head.w", TensorType.Float32), Bytes(1f)));
        string without = _rounds.Save((_weight, Bytes(1f, 2f)));
        const string Sentence = "Tensor 'head.w' is local by the run's key rules: "
            + "it stays on the trainer, so leave it out of the upload.";
        Assert.Equal(Sentence, First(with, plan).ToString());
        Assert.Equal(Sentence, Update(without, with, plan).ToString());
        Assert.Equal(CheckResult.Passed, Update(without, without, plan));
    }

    [Fact]
    public void An_update_may_store_its_tensors_in_any_way_that_PyTorch_knows()
    {
        using PtFile strided = PtFile.Open(PathOf("strided.pt"));
        string plain = _rounds.Save([.. strided.Schema.Select(tensor => (tensor, strided.ReadBytes(tensor.Name)))]);
        Assert.Equal(CheckResult.Passed, Update(plain, PathOf("strided.pt")));
    }

    [Fact]
    public async Task Strided_updates_are_averaged_as_what_they_show()
    {
        string path = PathOf("strided.pt");
        var (next, _, _) = await _rounds.NextAsync(
            AggregationPlan.Mean, path, [new WeightedFile(path, 1), new WeightedFile(path, 2)]);
        using PtFile before = PtFile.Open(path), after = PtFile.Open(next);
        Assert.All(before.Schema, tensor =>
            Assert.Equal(before.ReadBytes(tensor.Name), after.ReadBytes(tensor.Name)));
        Assert.All(after.Tensors, tensor => Assert.True(tensor.IsContiguous));
    }

    [Theory]
    [InlineData("*", "", true)]
    [InlineData("*.running_mean", "layer1.0.bn1.running_mean", true)]
    [InlineData("*.running_mean", "running_mean", false)]
    [InlineData("fc?.weight", "fc1.weight", true)]
    [InlineData("fc?.weight", "fc.weight", false)]
    [InlineData("a*b*c", "aXbYbZc", true)]
    [InlineData("a*b*c", "aXbYbZ", false)]
    [InlineData("conv1", "conv10", false)]
    [InlineData("***x", "abcx", true)]
    public void Patterns_match_whole_names(string pattern, string name, bool matches) =>
        Assert.Equal(matches, KeyRules.Matches(pattern, name));

    [Fact]
    public async Task The_first_rule_that_matches_counts()
    {
        TensorInfo a = Info("a.w", TensorType.Float32), b = Info("b.w", TensorType.Float32);
        string one = _rounds.Save((a, Bytes(1f)), (b, Bytes(1f))), two = _rounds.Save((a, Bytes(5f)), (b, Bytes(5f)));
        var plan = Plan("mean", keys: [("a.*", "max"), ("*.w", "average"), ("a.w", "frozen")]);
        var (next, _, _) = await _rounds.NextAsync(plan, one, [new WeightedFile(one, 1), new WeightedFile(two, 1)]);
        Assert.Equal([5f], ReadFloats(next, "a.w"));
        Assert.Equal([3f], ReadFloats(next, "b.w"));
    }

    private static CheckResult First(string path, AggregationPlan? plan = null) =>
        AdmissionRules.CheckFirstModel(path, plan ?? AggregationPlan.Mean, CancellationToken.None);

    private static CheckResult Update(string model, string update, AggregationPlan? plan = null) =>
        new AdmissionRules(model, (plan ?? AggregationPlan.Mean).Keys).CheckUpdate(
            update, CancellationToken.None);
}
