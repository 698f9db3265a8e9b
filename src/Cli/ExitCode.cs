namespace Quorate.Cli;

/// <summary>What the program's exit code means. Scripts rely on the numbers.</summary>
internal enum ExitCode
{
    Ok = 0,

    /// <summary>
    /// The demo: the final hashes differ, or something accepted was lost, or no leader could be killed. Chaos: a
    /// promise was broken.
    /// </summary>
    Differs = 1,

    /// <summary>A file, an option or a request was refused.</summary>
    BadInput = 2,

    /// <summary>Nobody leads, or what was waited for did not come in time.</summary>
    TimedOut = 3,

    /// <summary>
    /// The demo: one of its processes ended by itself. Chaos: so, before anything was done to it (later: a promise).
    /// </summary>
    ProcessDied = 4,

    /// <summary>Ended by Ctrl-C or SIGTERM.</summary>
    Interrupted = 130,
}

/// <summary>The command cannot go on. The message is one clear sentence for the person who typed it.</summary>
internal sealed class CommandException(ExitCode code, string message) : Exception(message)
{
    public ExitCode Code { get; } = code;
}
