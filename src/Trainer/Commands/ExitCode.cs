namespace Quorate.Trainer.Commands;

/// <summary>What the program's exit codes mean.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>Options, a file or the machine are not as they must be: one sentence on stderr says which and how to
    /// mend it.</summary>
    public const int BadInput = 2;

    /// <summary>Interrupted (as shells count: 128 + SIGINT); nothing was written.</summary>
    public const int Interrupted = 130;
}
