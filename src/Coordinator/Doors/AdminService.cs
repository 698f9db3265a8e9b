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
            var open = RunFile.Parse(request.RunFile).ToCommand(time);
            if (request.Parent is not { } parent) return OpenAsync(open, request.Key, context);
            if (!RunId.TryParse(parent.Run, out var run))
                return Task.FromResult(Wire.Rejected(RunId.Parse, parent.Run));
            open = open with { Parent = new ParentModel(run, parent.Round, parent.FreshMemory) };
            return OpenAsync(open, request.Key, context);
        }
        catch (RunFileException e)
        {
            return Task.FromResult(Wire.Rejected(string.Join(" ", e.Errors)));
        }
    }

    public override Task<VerdictReply> StopRun(StopRunRequest request, ServerCallContext context)
    {
        string reason = Limits.CutReason(request.Reason);
        return OfRunAsync(
            request.Run, request.Key, (run, now) => new Command.EndRun(run, Failed: false, reason, now), context);
    }

    public override Task<VerdictReply> PauseRun(PauseRunRequest request, ServerCallContext context) =>
        OfRunAsync(request.Run, request.Key, (run, now) => new Command.PauseRun(run, now), context);

    public override Task<VerdictReply> ResumeRun(ResumeRunRequest request, ServerCallContext context) =>
        OfRunAsync(request.Run, request.Key, (run, now) => new Command.ResumeRun(run, now), context);

    public override Task<VerdictReply> HoldLevel(HoldLevelRequest request, ServerCallContext context) => ProposeAsync(
        new Command.HoldLevel(request.Held, time.GetUtcNow().ToUnixTimeMilliseconds()), request.Key, context);

    public override Task<VerdictReply> LimitRuns(LimitRunsRequest request, ServerCallContext context) => ProposeAsync(
        new Command.LimitActiveRuns(request.MaxActive, time.GetUtcNow().ToUnixTimeMilliseconds()), request.Key,
        context);

    private async Task<VerdictReply> OpenAsync(Command.OpenRun open, string key, ServerCallContext context)
    {
        var reply = await ProposeAsync(open, key, context);
        var state = log.State;
        if (reply.Verdict == VerdictCode.Accepted && state.Find(open.Run) is { Stage: Stage.Queued } queued)
            reply.Reason = $"Run '{open.Run}' is {StatusView.QueuedBehind(state, queued)}";
        return reply;
    }

    private Task<VerdictReply> OfRunAsync(
        string name, string key, Func<RunId, long, Command> command, ServerCallContext context) =>
        RunId.TryParse(name, out var run)
            ? ProposeAsync(command(run, time.GetUtcNow().ToUnixTimeMilliseconds()), key, context)
            : Task.FromResult(Wire.Rejected(RunId.Parse, name));

    private Task<VerdictReply> ProposeAsync(Command command, string key, ServerCallContext context)
    {
        RequestKey parsed = default;
        if (key.Length > 0 && !RequestKey.TryParse(key, out parsed))
            return Task.FromResult(Wire.Rejected(RequestKey.Parse, key));
        var keyed = command with { Key = parsed };
        return gate.LeadAsync(async () =>
        {
            using var permit = limits.Commit();
            return (await log.ProposeAsync(keyed, context.CancellationToken)).ToReply();
        });
    }
}
