namespace Quorate.Shared.Hosts;

/// <summary>A hosts file is wrong. <see cref="Errors"/> holds every error found, not only the first.</summary>
public sealed class HostsFileException(string source, IReadOnlyList<string> errors)
    : Exception($"{source} is no hosts file: {string.Join(" ", errors)}")
{
    /// <summary>
    /// One sentence an error; each names its key (such as <c>nodes[1].raft</c>) and says what it must be.
    /// </summary>
    public IReadOnlyList<string> Errors { get; } = errors;
}
