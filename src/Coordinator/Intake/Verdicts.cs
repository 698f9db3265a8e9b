using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Coordinator.Intake;

/// <summary>Outcomes of the state machine as answers on the wire.</summary>
internal static class Verdicts
{
    public static VerdictReply ToReply(this Outcome outcome) => new()
    {
        Verdict = outcome.Verdict switch
        {
            Verdict.Accepted => VerdictCode.Accepted,
            Verdict.Duplicate => VerdictCode.Duplicate,
            Verdict.Stale => VerdictCode.Stale,
            Verdict.Rejected => VerdictCode.Rejected,
            _ => throw new System.Diagnostics.UnreachableException($"Unknown verdict {outcome.Verdict}."),
        },
        Reason = outcome.Reason,
    };

    public static VerdictReply Reject(string reason) => Outcome.Rejected(reason).ToReply();
}
