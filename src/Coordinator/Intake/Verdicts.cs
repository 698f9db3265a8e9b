using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Verdict = Quorate.Rounds.Verdict;
using WireVerdict = Quorate.Shared.Protocol.Verdict;

namespace Quorate.Coordinator.Intake;

/// <summary>Outcomes of the state machine as answers on the wire.</summary>
internal static class Verdicts
{
    public static VerdictReply ToReply(this Outcome outcome) => new()
    {
        Verdict = outcome.Verdict switch
        {
            Verdict.Accepted => WireVerdict.Accepted,
            Verdict.Duplicate => WireVerdict.Duplicate,
            Verdict.Stale => WireVerdict.Stale,
            Verdict.Rejected => WireVerdict.Rejected,
            _ => throw new System.Diagnostics.UnreachableException($"Unknown verdict {outcome.Verdict}."),
        },
        Reason = outcome.Reason,
    };

    public static VerdictReply Reject(string reason) => Outcome.Rejected(reason).ToReply();
}
