using System.Threading.Channels;
using Grpc.Core;
using Quorate.Coordinator.Consensus;
using Quorate.Coordinator.Intake;
using Quorate.Coordinator.Settings;
using Quorate.Coordinator.Telemetry;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Doors;

/// <summary>The calls of trainers and operators. It decodes a request, asks the log, and encodes the answer.</summary>
internal sealed partial class FederationService(
    IReplicatedLog log, LeaderGate gate, CallLimits limits, Attendance attendance, RunSignal signal, StatusView view,
    CoordinatorOptions options, TimeProvider time, IHostApplicationLifetime lifetime, ILogger<FederationService> logger)
    : Federation.FederationBase
{
    /// <summary>A few elections. A longer wait helps no client and keeps calls of clients that are gone.</summary>
    private const int WhoLeadsWaitMsMax = 2_000;

    /// <summary>A longer status counts until its client has taken it. Most are much shorter.</summary>
    private const int LongStatusBytes = 128 << 10;

    /// <summary>How long a client may take for a long status.</summary>
    private static readonly TimeSpan _takeMax = TimeSpan.FromSeconds(30);

    public override async Task<StatusReply> Status(StatusRequest request, ServerCallContext context)
    {
        var state = request.Linearizable ? await ReadAsync(context.CancellationToken) : log.State;
        var reply = await gate.AnswerAsync(
            () => limits.Questions.AnswerAsync(() => view.Of(state, request), context.CancellationToken));
        if (reply.CalculateSize() > LongStatusBytes) HoldUntilSent(context, LeaderGate.Permit(limits.LongStatus));
        return reply;
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
            // It did not become the leader in time: the answer is no.
        }
        var now = log.Leadership;
        return new WhoLeadsReply { Leader = now.IsLeader, Term = now.Term };
    }

    public override Task<VerdictReply> Join(JoinRequest request, ServerCallContext context)
    {
        if (!RunId.TryParse(request.Run, out var run))
            return Task.FromResult(Wire.Rejected(RunId.Parse, request.Run));
        if (!TrainerId.TryParse(request.Trainer, out var trainer))
            return Task.FromResult(Wire.Rejected(TrainerId.Parse, request.Trainer));
        if (request.Incarnation == 0)
            return Task.FromResult(
                Wire.Rejected("An incarnation of 0 names no process: draw a random one at each start."));

        return gate.LeadAsync(async () =>
        {
            using var permit = limits.Commit();
            var state = log.State;
            var known = state.Find(run)?.Trainers.GetValueOrDefault(trainer);
            ulong replaces = known is { Present: true } && attendance.YieldsTo(known, request.Incarnation)
                ? known.Incarnation
                : 0;
            long now = time.GetUtcNow().ToUnixTimeMilliseconds();
            var join = new Command.Join(run, trainer, request.Incarnation, replaces, request.Examples, now);
            // A refused trainer asks again with every heartbeat; refusals must not fill the log.
            var outcome = RoundMachine.Judge(state, join);
            if (outcome.Verdict == Verdict.Rejected) return outcome.ToReply();
            outcome = await log.ProposeAsync(join, context.CancellationToken);
            if (outcome.Verdict == Verdict.Accepted) LogJoined(trainer, request.Examples);
            return outcome.ToReply();
        });
    }

    public override async Task Attend(
        IAsyncStreamReader<Heartbeat> requestStream, IServerStreamWriter<Announcement> responseStream,
        ServerCallContext context)
    {
        gate.Require();
        using var permit = LeaderGate.Permit(limits.Attendance);
        var leadership = log.Leadership;
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(
            context.CancellationToken, leadership.Token, lifetime.ApplicationStopping);
        var wake = signal.Listen();
        (TrainerId Trainer, ulong Incarnation)? who = null;
        var listening = Task.CompletedTask;
        try
        {
            using var first = new StallGuard(options.Lease, time, ends.Token);
            if (!await requestStream.MoveNext(first.Token)) return;
            if (!TrainerId.TryParse(requestStream.Current.Trainer, out var trainer))
                throw LeaderGate.Refusal(StatusCode.InvalidArgument, "The heartbeat names no valid trainer id.");
            RequireKnown(requestStream.Current.Activity);
            who = (trainer, requestStream.Current.Incarnation);
            attendance.Record(trainer, requestStream.Current, requestStream);

            listening = ListenAsync(requestStream, trainer, who.Value.Incarnation, wake.Writer, ends);
            // Every heartbeat is answered, even if nothing changed: the trainer learns that its leader is alive.
            do await responseStream.WriteAsync(view.Announce(log.State, trainer, who.Value.Incarnation), ends.Token);
            while (await wake.Reader.WaitToReadAsync(ends.Token) && wake.Reader.TryRead(out _));
            await listening;
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            await listening;
            gate.Require(); // The stream ends because the leadership did: name the leader.
            throw LeaderGate.Refusal(StatusCode.Unavailable,
                "This coordinator is stopping, or the trainer was silent: attend again.");
        }
        finally
        {
            signal.Unlisten(wake);
            // A stream that ends because the leadership did says nothing about its trainer.
            if (who is { } gone && leadership.IsLeader)
                attendance.Ended(gone.Trainer, gone.Incarnation, requestStream);
        }
    }

    /// <summary>
    /// Reads heartbeats until the trainer hangs up or is silent past its lease; then ends the stream.
    /// </summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT: no trainer of this version sends such a heartbeat.</exception>
    private async Task ListenAsync(
        IAsyncStreamReader<Heartbeat> heartbeats, TrainerId trainer, ulong incarnation,
        ChannelWriter<bool> wake, CancellationTokenSource ends)
    {
        try
        {
            using var lease = new StallGuard(options.Lease, time, ends.Token);
            var pace = new HeartbeatPace(time);
            while (await heartbeats.MoveNext(lease.Token))
            {
                lease.Moved();
                await pace.WaitAsync(ends.Token);
                // Invariant: one stream speaks for one trainer process. A heartbeat that names another is ignored.
                if (heartbeats.Current.Trainer != trainer.ToString() || heartbeats.Current.Incarnation != incarnation)
                    continue;
                RequireKnown(heartbeats.Current.Activity);
                attendance.Record(trainer, heartbeats.Current, heartbeats);
                wake.TryWrite(true);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException
            or RpcException { StatusCode: not StatusCode.InvalidArgument })
        {
            // The trainer's connection broke, or it was silent: either way the stream ends.
        }
        finally
        {
            wake.TryComplete();
            await ends.CancelAsync();
        }
    }

    /// <summary>
    /// Keeps a permit until the client has taken the reply, or until it has had time enough: then the call is aborted.
    /// </summary>
    private void HoldUntilSent(ServerCallContext context, IDisposable permit)
    {
        var http = context.GetHttpContext();
        var late = new CancellationTokenSource(_takeMax, time);
        late.Token.Register(http.Abort);
        http.Response.RegisterForDispose(permit);
        http.Response.RegisterForDispose(late);
    }

    private static void RequireKnown(Activity activity)
    {
        if (!Enum.IsDefined(activity)) throw LeaderGate.Refusal(StatusCode.InvalidArgument,
            $"The heartbeat's activity is {(int)activity}; this coordinator knows 0 to {(int)Activity.Uploading}.");
    }

    private Task<ClusterState> ReadAsync(CancellationToken token) => gate.LeadAsync(async () =>
    {
        using var permit = limits.Read();
        return await log.ReadAsync(token);
    });

    [LoggerMessage(EventIds.TrainerJoined, LogLevel.Information,
        "Trainer {Trainer} joins the client set, examples {Examples}.")]
    private partial void LogJoined(TrainerId trainer, long examples);
}

/// <summary>
/// Bounds how fast one stream's heartbeats are read: twenty a second, and some more after a pause. Beyond that, the
/// flow control of HTTP/2 slows the sender down.
/// </summary>
internal sealed class HeartbeatPace(TimeProvider time)
{
    /// <summary>Our trainers send two a second, and one more when their activity changes.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    public const int Burst = 40;

    private readonly long _start = time.GetTimestamp();
    private TimeSpan _due = -Interval * Burst;

    /// <summary>Waits until the next heartbeat may be read.</summary>
    public Task WaitAsync(CancellationToken token)
    {
        var now = time.GetElapsedTime(_start);
        var earliest = now - Interval * Burst;
        _due = (_due > earliest ? _due : earliest) + Interval;
        return _due > now ? Task.Delay(_due - now, time, token) : Task.CompletedTask;
    }
}
