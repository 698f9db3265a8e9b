using Grpc.Core;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Intake;
using Quorate.Coordinator.Settings;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;

namespace Quorate.Coordinator.Doors;

/// <summary>What operators ask of the leader. It decides nothing.</summary>
internal sealed class AdminService(IReplicatedLog log, LeaderGate gate, CallLimits limits, TimeProvider time)
    : Admin.AdminBase
{
    public override Task<VerdictReply> OpenRun(OpenRunRequest request, ServerCallContext context)
    {
        try
        {
            return ProposeAsync(RunFile.Parse(request.RunFile).ToCommand(time), context.CancellationToken);
        }
        catch (RunFileException e)
        {
            return Task.FromResult(Wire.Rejected(string.Join(" ", e.Errors)));
        }
    }

    public override Task<VerdictReply> StopRun(StopRunRequest request, ServerCallContext context)
    {
        if (!RunId.TryParse(request.Run, out var run))
            return Task.FromResult(Wire.Rejected(RunId.Parse, request.Run));
        string reason = Limits.CutReason(request.Reason);
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        return ProposeAsync(new Command.EndRun(run, Failed: false, reason, now), context.CancellationToken);
    }

    private Task<VerdictReply> ProposeAsync(Command command, CancellationToken token) => gate.LeadAsync(async () =>
    {
        using var permit = limits.Commit();
        return (await log.ProposeAsync(command, token)).ToReply();
    });
}
