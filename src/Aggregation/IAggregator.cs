namespace Quorate.Aggregation;

/// <summary>Computes the next model from a round's updates.</summary>
public interface IAggregator
{
    /// <summary>Writes the next model as a .pt file, its tensors in the order of the previous model.</summary>
    /// <param name="inputs">The round's files. Every update has passed <see cref="AdmissionRules"/>.</param>
    /// <param name="model">Receives the model front to back; not disposed. After an exception it has part of a
    /// file.</param>
    /// <param name="memory">Receives what the strategy needs to know in the next round. Required if <see
    /// cref="AggregationPlan.HasMemory"/>, otherwise null.</param>
    /// <param name="token">Ends the work between two blocks.</param>
    /// <exception cref="AggregationException">A file is damaged or does not match the others.</exception>
    /// <exception cref="IOException">A file cannot be read, or an output cannot be written.</exception>
    Task<Aggregated> AggregateAsync(RoundInputs inputs, Stream model, Stream? memory, CancellationToken token);
}

/// <summary>An update's file and its number of examples, 1 to <see cref="ExamplesMax"/>.</summary>
/// <exception cref="ArgumentOutOfRangeException">The number is out of range.</exception>
public sealed record WeightedFile(string Path, long Examples)
{
    /// <summary>
    /// One below 2^29: the number of examples times a float32 is then exact in a double (24 + 29 bits), see
    /// <see cref="Rules.WeightedMean"/>.
    /// </summary>
    public const long ExamplesMax = (1L << 29) - 1;

    public long Examples { get; } = Examples is >= 1 and <= ExamplesMax
        ? Examples
        : throw new ArgumentOutOfRangeException(nameof(Examples), Examples, "1 to 2^29 - 1");
}

/// <summary>What the next model is computed from.</summary>
/// <param name="Previous">The model that the trainers started from.</param>
/// <param name="Memory">The memory that the previous round wrote; null in the first round.</param>
/// <param name="Updates">At least one, in trainer-id order: the order of every summation.</param>
/// <param name="Plan">The run's strategy and key rules.</param>
public sealed record RoundInputs(
    string Previous, string? Memory, IReadOnlyList<WeightedFile> Updates, AggregationPlan Plan);

/// <summary>The updates that the model was computed from, as ascending indexes into <see
/// cref="RoundInputs.Updates"/>.</summary>
public sealed record Aggregated(IReadOnlyList<int> Counted);

/// <summary>A file cannot be aggregated: it is damaged or does not match the others.</summary>
/// <param name="path">The file.</param>
/// <param name="sentence">What is wrong with it.</param>
public sealed class AggregationException(string path, string sentence)
    : Exception($"{Path.GetFileName(path)} cannot be aggregated: {sentence}");
