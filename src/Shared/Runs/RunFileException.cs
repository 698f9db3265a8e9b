namespace Quorate.Shared.Runs;

/// <summary>A run file is wrong. <see cref="Errors"/> holds every error found, not only the first.</summary>
public sealed class RunFileException(string source, IReadOnlyList<string> errors)
    : Exception($"{source} is not a run file: {string.Join(" ", errors)}")
{
    /// <summary>One sentence an error; each starts with the key's path (such as <c>training.data.shards</c>) and says
    /// what it must be.</summary>
    public IReadOnlyList<string> Errors { get; } = errors;
}
