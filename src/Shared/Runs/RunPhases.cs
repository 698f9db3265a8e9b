using Quorate.Shared.Protocol;

namespace Quorate.Shared.Runs;

public static class RunPhases
{
    /// <summary>Whether the run is over. The numbers of the phases are in no order.</summary>
    public static bool HasEnded(this RunPhase phase) =>
        phase is RunPhase.Finished or RunPhase.Stopped or RunPhase.Failed;
}
