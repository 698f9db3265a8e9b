using System.Text.Json;

namespace Quorate.Shared.Runs;

/// <summary>A network that the trainer program can build.</summary>
public enum ModelKind
{
    /// <summary>LeNet-5: two convolutions and three linear layers, 61,706 parameters.</summary>
    Lenet5,

    /// <summary>Two convolutions and two linear layers with dropout, 1,199,882 parameters.</summary>
    Simplecnn,

    /// <summary>One linear layer, 784 to 10.</summary>
    Logistic,
}

/// <summary>A data set that the trainer program can read.</summary>
public enum DataSetKind
{
    /// <summary>60,000 training and 10,000 test images of 28 x 28 pixels, 10 classes.</summary>
    Mnist,
}

/// <summary>How a data set's training examples are dealt out to shards.</summary>
public enum Partitioning
{
    /// <summary>Shuffled by the run's seed and cut into disjoint pieces.</summary>
    Iid,
}

/// <summary>What is done to the pixels before a model sees them.</summary>
public enum Normalisation
{
    /// <summary>Scaled to 0..1.</summary>
    None,

    /// <summary>Scaled to 0..1, less the training set's mean, divided by its standard deviation.</summary>
    MeanStd,
}

/// <summary>The rule by which a local step moves the weights.</summary>
public enum OptimiserKind
{
    /// <summary>Gradient descent, with momentum and weight decay if configured.</summary>
    Sgd,

    /// <summary>Adam with the usual decay rates, 0.9 and 0.999.</summary>
    Adam,
}

/// <summary>How much a trainer works in a round.</summary>
public abstract record LocalWork
{
    private LocalWork()
    {
    }

    /// <param name="Count">1..1,000 passes over the shard; the last batch of a pass may be smaller.</param>
    public sealed record Epochs(int Count) : LocalWork;

    /// <param name="Count">1..1,000,000 batches, passing over the shard as often as that takes.</param>
    public sealed record Steps(int Count) : LocalWork;
}

/// <summary>What the trainers train on.</summary>
/// <param name="Set">Which data set.</param>
/// <param name="Path">Folder of the data set's files, 1..1,024 characters; relative to where the trainer was
/// started.</param>
/// <param name="Shards">1..20,000 disjoint pieces; trainer N trains on piece N.</param>
/// <param name="ShardExamples">Examples in each piece, 1..1,000,000: one number for all, or one for each.</param>
/// <param name="Partition">How the pieces are cut. IID when absent.</param>
/// <param name="Normalise">What is done to the pixels. Nothing when absent.</param>
public sealed record DataPlan(
    DataSetKind Set, string Path, int Shards, ShardSizes ShardExamples, Partitioning Partition,
    Normalisation Normalise);

/// <summary>How many examples each shard has.</summary>
public sealed class ShardSizes : IEquatable<ShardSizes>
{
    private readonly int[] _each;

    /// <param name="each">One number for all shards, or one for each.</param>
    public ShardSizes(IReadOnlyList<int> each) => _each = [.. each];

    /// <summary>One number for all shards, or one for each.</summary>
    public IReadOnlyList<int> Each => _each;

    public int Largest => _each.Max();

    public static implicit operator ShardSizes(int all) => new([all]);

    public int Of(int shard) => _each.Length == 1 ? _each[0] : _each[shard];

    /// <summary>Examples of the first <paramref name="count"/> shards.</summary>
    public long Sum(int count) =>
        _each.Length == 1 ? (long)count * _each[0] : _each.Take(count).Sum(size => (long)size);

    public bool Equals(ShardSizes? other) => other is not null && _each.AsSpan().SequenceEqual(other._each);

    public override bool Equals(object? obj) => Equals(obj as ShardSizes);

    public override int GetHashCode() => HashCode.Combine(_each.Length, _each[0], _each[^1]);

    /// <summary>As a person would say it, such as "12000" or "500 to 9000".</summary>
    public override string ToString() => _each.Length == 1 ? $"{_each[0]}" : $"{_each.Min()} to {Largest}";
}

/// <summary>How a local step moves the weights; a trainer starts each round with a fresh one.</summary>
/// <param name="Name">The rule.</param>
/// <param name="LearningRate">Above 0, up to 100.</param>
/// <param name="Momentum">0 up to, without, 1; SGD only. 0 when absent.</param>
/// <param name="WeightDecay">0..1. 0 when absent.</param>
public sealed record OptimiserPlan(OptimiserKind Name, double LearningRate, double Momentum, double WeightDecay);

/// <summary>What every trainer does in every round.</summary>
/// <param name="Model">The network.</param>
/// <param name="Data">What it trains on.</param>
/// <param name="Local">How much of that in a round.</param>
/// <param name="Batch">Examples in a local step, 1..65,536.</param>
/// <param name="Optimiser">How a step moves the weights.</param>
public sealed record TrainingPlan(
    ModelKind Model, DataPlan Data, LocalWork Local, int Batch, OptimiserPlan Optimiser);

/// <summary>How models are scored. The metric that chooses the best one is a rule of the run.</summary>
/// <param name="Images">How many of the test images each round's model is scored on, 1..1,000,000; the last model sees
/// them all.</param>
public sealed record ScoringPlan(int Images);

/// <summary>How a run file spells the members of an enum: MeanStd is "mean-std".</summary>
internal static class EnumNames
{
    public static string Of<T>(T member)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(member.ToString());
}
