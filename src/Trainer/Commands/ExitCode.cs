namespace Quorate.Trainer.Commands;

/// <summary>What the program's exit codes mean.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>An option, a file or the machine is wrong: one sentence on stderr says which, and how to fix it.
    /// </summary>
    public const int BadInput = 2;

    /// <summary>Interrupted (as shells count: 128 + SIGINT); nothing was written.</summary>
    public const int Interrupted = 130;
}
