namespace Quorate.Cli;

/// <summary>What the program's exit code means. Scripts rely on the numbers.</summary>
internal enum ExitCode
{
    Ok = 0,

    /// <summary>
    /// Demo: the final hashes differ, something accepted was lost, or a leader was not killed. Chaos: a promise was
    /// broken. A downloaded model does not match its hash. Status: nodes have different histories or belong to
    /// different clusters.
    /// </summary>
    Differs = 1,

    /// <summary>A file, an option or a request was refused.</summary>
    BadInput = 2,

    /// <summary>No node leads, or something did not happen in time.</summary>
    TimedOut = 3,

    /// <summary>
    /// Demo: one of its processes ended by itself. Chaos: the same while the cluster starts; later it is a violation.
    /// </summary>
    ProcessDied = 4,

    /// <summary>Ended by Ctrl-C or SIGTERM.</summary>
    Interrupted = 130,
}

/// <summary>The command cannot continue. The message is one sentence for the person who typed it.</summary>
/// <param name="details">Lines that follow the sentence, such as the end of a log.</param>
internal sealed class CommandException(ExitCode code, string message, params IReadOnlyList<string> details)
    : Exception(message)
{
    public ExitCode Code { get; } = code;

    public IReadOnlyList<string> Details { get; } = details;
}
