namespace Quorate.Cli;

/// <summary>
/// The paths of the other programs and the checkout: all programs are built into artifacts/bin/NAME/release.
/// </summary>
internal static class Programs
{
    private static readonly string _bin = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", ".."));

    /// <summary>The checkout.</summary>
    public static string Root { get; } = Path.GetFullPath(Path.Combine(_bin, "..", ".."));

    public static string Coordinator { get; } = Path.Combine(_bin, "Coordinator", "release", "Quorate.Coordinator.dll");

    public static string Trainer { get; } = Path.Combine(_bin, "Trainer", "release", "Quorate.Trainer.dll");

    /// <summary>
    /// A file or folder of the checkout: in the current folder if it exists there, otherwise in <see cref="Root"/>.
    /// </summary>
    public static string Beside(string relative) =>
        Path.Exists(relative) ? Path.GetFullPath(relative) : Path.Combine(Root, relative);

    /// <exception cref="CommandException">A program was not built.</exception>
    public static void RequireBuilt()
    {
        foreach (string program in new[] { Coordinator, Trainer })
            if (!File.Exists(program))
                throw new CommandException(ExitCode.BadInput,
                    $"There is no {program}. Build it with: dotnet build Quorate.slnf");
    }
}
