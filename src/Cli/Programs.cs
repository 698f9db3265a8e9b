using Quorate.Shared.Processes;

namespace Quorate.Cli;

/// <summary>
/// Where the other programs and the checkout lie, seen from this one: all are built into artifacts/bin/NAME/release.
/// </summary>
internal static class Programs
{
    private static readonly string Bin = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", ".."));

    /// <summary>The checkout.</summary>
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Bin, "..", ".."));

    public static string Coordinator { get; } = Path.Combine(Bin, "Coordinator", "release", "Quorate.Coordinator.dll");

    public static string Trainer { get; } = Path.Combine(Bin, "Trainer", "release", "Quorate.Trainer.dll");

    /// <summary>The dotnet that runs this program.</summary>
    public static string Dotnet => DotnetHost.Path;

    /// <summary>
    /// A file or folder of the checkout: below the current folder where it is there, else below <see cref="Root"/>.
    /// </summary>
    public static string Beside(string relative) =>
        Path.Exists(relative) ? Path.GetFullPath(relative) : Path.Combine(Root, relative);

    /// <exception cref="CommandException">A program was not built.</exception>
    public static void RequireBuilt()
    {
        foreach (string program in new[] { Coordinator, Trainer })
            if (!File.Exists(program))
                throw new CommandException(ExitCode.BadInput,
                    $"{program} is not there; build it with: dotnet build Quorate.slnf");
    }
}
