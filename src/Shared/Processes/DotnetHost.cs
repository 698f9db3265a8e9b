using System.Runtime.InteropServices;

namespace Quorate.Shared.Processes;

/// <summary>
/// How this process starts another .NET program: with the dotnet that runs this one. PATH is never searched, because
/// .NET is often installed where PATH does not point.
/// </summary>
public static class DotnetHost
{
    /// <summary>
    /// The dotnet executable of the running runtime: three folders above shared/Microsoft.NETCore.App/VERSION.
    /// </summary>
    public static string Path { get; } =
        System.IO.Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet"
            ? Environment.ProcessPath!
            : System.IO.Path.GetFullPath("../../../dotnet", RuntimeEnvironment.GetRuntimeDirectory());

    /// <summary>The words of a command line that starts <paramref name="program"/>, a .dll or an executable.</summary>
    public static string[] Start(string program) =>
        program.EndsWith(".dll", StringComparison.Ordinal) ? [Path, program] : [program];
}
