using Quorate.Rounds;
using Quorate.Shared.Runs;

namespace Quorate.Coordinator.Settings;

internal static class RunCommands
{
    /// <summary>The fact that opens the run a file describes.</summary>
    public static Command.OpenRun ToCommand(this RunFile file, TimeProvider time) =>
        new(file.Name, file.Rules, file.Json, time.GetUtcNow().ToUnixTimeMilliseconds());
}
