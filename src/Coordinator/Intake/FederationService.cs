using Grpc.Core;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// What trainers and people ask of a coordinator: decodes, asks the log, encodes. It decides nothing.
/// </summary>
internal sealed partial class FederationService(
    IReplicatedLog log, LeaderGate gate, Attendance attendance, RunSignal signal, StatusView view,
    CoordinatorOptions options, TimeProvider time, IHostApplicationLifetime lifetime, ILogger<FederationService> logger)
    : Federation.FederationBase
{
    /// <summary>A few elections: longer is of no use to who asks, and would keep calls of clients long gone.</summary>
    private const int WhoLeadsWaitMsMax = 2_000;

    public override async Task<StatusReply> Status(StatusRequest request, ServerCallContext context)
    {
        var state = request.Linearizable
            ? await gate.LeadAsync(() => log.ReadAsync(context.CancellationToken))
            : log.State;
        return view.Of(state, request);
    }

    public override async Task<WhoLeadsReply> WhoLeads(WhoLeadsRequest request, ServerCallContext context)
    {
        var wait = TimeSpan.FromMilliseconds(Math.Clamp(request.WaitMs, 0, WhoLeadsWaitMsMax));
        using var over = new CancellationTokenSource(wait, time);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(
            context.CancellationToken, lifetime.ApplicationStopping, over.Token);
        try
        {
            await log.WaitToLeadAsync(bound.Token);
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            // Nobody made it the leader in time: the answer is no.
        }
        var now = log.Leadership;
        return new WhoLeadsReply { Leader = now.IsLeader, Term = now.Term };
    }

    public override Task<VerdictReply> Join(JoinRequest request, ServerCallContext context)
    {
        if (!RunId.TryParse(request.Run, out var run)) return Bad(() => RunId.Parse(request.Run));
        if (!TrainerId.TryParse(request.Trainer, out var trainer)) return Bad(() => TrainerId.Parse(request.Trainer));
        if (request.Incarnation == 0)
            return Task.FromResult(
                Verdicts.Reject("An incarnation of 0 names no process: draw a random one at each start."));

        return gate.LeadAsync(async () =>
        {
            var state = log.State;
            var known = state.Find(run)?.Trainers.GetValueOrDefault(trainer);
            ulong replaces = known is { Present: true } && attendance.YieldsTo(known, request.Incarnation)
                ? known.Incarnation
                : 0;
            long now = time.GetUtcNow().ToUnixTimeMilliseconds();
            var join = new Command.Join(run, trainer, request.Incarnation, replaces, request.Examples, now);
            // A refused trainer asks again with every heartbeat; refusals must not fill the log.
            var outcome = RoundMachine.Judge(state, join);
            if (outcome.Verdict == Rounds.Verdict.Rejected) return outcome.ToReply();
            outcome = await log.ProposeAsync(join, context.CancellationToken);
            if (outcome.Verdict == Rounds.Verdict.Accepted) LogJoined(trainer, request.Examples);
            return outcome.ToReply();
        });
    }

    public override async Task Attend(
        IAsyncStreamReader<Heartbeat> requestStream, IServerStreamWriter<Announcement> responseStream,
        ServerCallContext context)
    {
        gate.Require();
        var leadership = log.Leadership;
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(
            context.CancellationToken, leadership.Token, lifetime.ApplicationStopping);
        var wake = signal.Listen();
        (TrainerId Trainer, ulong Incarnation)? who = null;
        try
        {
            using var first = new StallGuard(options.Lease, time, ends.Token);
            if (!await requestStream.MoveNext(first.Token)) return;
            var trainer = TrainerId.TryParse(requestStream.Current.Trainer, out var id)
                ? id
                : throw new RpcException(
                    new Status(StatusCode.InvalidArgument, "The heartbeat names no valid trainer id."));
            who = (trainer, requestStream.Current.Incarnation);
            attendance.Heard(trainer, requestStream.Current, requestStream);

            var listening = ListenAsync(requestStream, trainer, who.Value.Incarnation, wake.Writer, ends);
            // Every heartbeat is answered, changed or not: the answer tells the trainer that its leader is alive.
            do await responseStream.WriteAsync(view.Announce(log.State, trainer, who.Value.Incarnation), ends.Token);
            while (await wake.Reader.WaitToReadAsync(ends.Token) && wake.Reader.TryRead(out _));
            await listening;
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            gate.Require(); // The stream ends because the leadership did: say where to go.
            throw new RpcException(
                new Status(StatusCode.Unavailable, "This coordinator is stopping or heard nothing: attend again."));
        }
        finally
        {
            signal.Unlisten(wake);
            // A stream that ends because the leadership did says nothing of its trainer.
            if (who is { } gone && leadership.IsLeader)
                attendance.Ended(gone.Trainer, gone.Incarnation, requestStream);
        }
    }

    public override Task<VerdictReply> OpenRun(OpenRunRequest request, ServerCallContext context)
    {
        RunFile file;
        try
        {
            file = RunFile.Parse(request.RunFile);
        }
        catch (RunFileException e)
        {
            return Task.FromResult(Verdicts.Reject(string.Join(" ", e.Errors)));
        }
        return gate.LeadAsync(async () =>
            (await log.ProposeAsync(file.ToCommand(time), context.CancellationToken)).ToReply());
    }

    public override Task<VerdictReply> StopRun(StopRunRequest request, ServerCallContext context)
    {
        if (!RunId.TryParse(request.Run, out var run)) return Bad(() => RunId.Parse(request.Run));
        string reason = Limits.CutReason(request.Reason);
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        return gate.LeadAsync(async () =>
            (await log.ProposeAsync(new Command.EndRun(run, Failed: false, reason, now),
                context.CancellationToken)).ToReply());
    }

    /// <summary>
    /// Takes heartbeats in until the trainer hangs up or is silent past its lease; then ends the stream.
    /// </summary>
    private async Task ListenAsync(
        IAsyncStreamReader<Heartbeat> heartbeats, TrainerId trainer, ulong incarnation,
        System.Threading.Channels.ChannelWriter<bool> wake, CancellationTokenSource ends)
    {
        try
        {
            using var lease = new StallGuard(options.Lease, time, ends.Token);
            while (await heartbeats.MoveNext(lease.Token))
            {
                lease.Moved();
                // Invariant: one stream speaks for one trainer process; what names another is not taken down.
                if (heartbeats.Current.Trainer != trainer.ToString() || heartbeats.Current.Incarnation != incarnation)
                    continue;
                attendance.Heard(trainer, heartbeats.Current, heartbeats);
                wake.TryWrite(true);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or RpcException)
        {
            // The trainer's connection broke, or it was silent: either way the stream is over.
        }
        finally
        {
            wake.TryComplete();
            await ends.CancelAsync();
        }
    }

    private static Task<VerdictReply> Bad(Action parse)
    {
        try
        {
            parse();
            throw new System.Diagnostics.UnreachableException("A text that does not parse did.");
        }
        catch (FormatException e)
        {
            return Task.FromResult(Verdicts.Reject(e.Message));
        }
    }

    [LoggerMessage(EventIds.TrainerJoined, LogLevel.Information,
        "Trainer {Trainer} joins the client set with {Examples} examples.")]
    private partial void LogJoined(TrainerId trainer, long examples);
}
