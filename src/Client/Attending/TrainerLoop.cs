using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Client.Attending;

/// <summary>
/// The trainer's life: find the leader, attend, do what the announcements ask, and when the stream ends for whatever
/// reason, find the leader again. The stream carries heartbeats and announcements and nothing else. What takes long
/// (download, training, upload) runs beside it in <see cref="RoundWorker"/> and survives every reconnection: a leader
/// that dies costs a new stream, never a training.
/// </summary>
public sealed class TrainerLoop(
    AttendSettings settings, ClusterConnections cluster, RoundWorker worker, Presence presence, Terminal terminal,
    TimeProvider time)
{
    /// <summary>Why it may not join, as it was last said; null where nothing stands against it.</summary>
    private string? _refusal;

    public async Task RunAsync(CancellationToken token)
    {
        var pause = settings.RetryAfter;
        string? said = null;
        while (!token.IsCancellationRequested)
        {
            string trouble;
            try
            {
                if (await cluster.FindLeaderAsync(token) is { } leader)
                {
                    // Pauses grow while nothing works; a leader that was attended is a new start.
                    if (await AttendAsync(leader, () => pause = settings.RetryAfter, token) is { } ended)
                    {
                        terminal.Say(ended);
                        return;
                    }
                    said = null;
                    continue;
                }
                trouble = "no coordinator leads; waiting for one";
            }
            catch (Exception e) when (
                e is RpcException or IOException
                || (e is OperationCanceledException && !token.IsCancellationRequested))
            {
                string why = e switch
                {
                    RpcException rpc => rpc.Status.Detail,
                    IOException => e.Message,
                    _ => "a call took too long",
                };
                trouble = $"lost the leader ({why}); looking for the next one";
            }
            if (trouble != said) terminal.Say(said = trouble);
            await Task.Delay(pause, time, token);
            pause = pause * 1.5 < settings.RetryAfterMax ? pause * 1.5 : settings.RetryAfterMax;
        }
    }

    /// <summary>
    /// Attends one leader until the stream ends. Returns a farewell when the run ended and nobody asked to stay.
    /// <paramref name="heard"/> is called with every answer.
    /// </summary>
    private async Task<string?> AttendAsync(NodeConnection leader, Action heard, CancellationToken token)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(token);
        using var call = leader.Federation.Attend(cancellationToken: ends.Token);
        worker.Leader = leader;
        var beats = BeatAsync(call.RequestStream, ends.Token);
        using var silence = new StallGuard(settings.SilenceMax, time, ends.Token);
        try
        {
            while (true)
            {
                silence.Moved();
                if (!await call.ResponseStream.MoveNext(silence.Token)) return null;
                silence.Pause();
                heard();
                if (await HeedAsync(leader, call.ResponseStream.Current, ends.Token) is { } farewell) return farewell;
            }
        }
        catch (Exception e) when (silence.Token.IsCancellationRequested && !token.IsCancellationRequested
            && e is OperationCanceledException or RpcException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"node {leader.Id} fell silent"));
        }
        finally
        {
            await ends.CancelAsync();
            await beats;
        }
    }

    private async Task<string?> HeedAsync(NodeConnection leader, Announcement announcement, CancellationToken token)
    {
        if (announcement.Run.Length == 0) return null;
        var run = RunId.Parse(announcement.Run);
        worker.Heed(run, announcement);
        if (announcement.Phase >= RunPhase.Finished)
            return settings.Once ? $"run {run} has ended ({announcement.Phase})" : null;
        if (announcement.Member || worker.ExamplesOf(run) is not { } examples) return null;

        var join = new JoinRequest
        {
            Run = announcement.Run, Trainer = settings.Trainer.ToString(), Incarnation = presence.Incarnation,
            Examples = examples,
        };
        VerdictReply reply;
        try
        {
            reply = await leader.Federation.JoinAsync(
                join, deadline: time.GetUtcNow().UtcDateTime + settings.RetryAfterMax * 3, cancellationToken: token);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.ResourceExhausted)
        {
            return null; // Too many join at once: the answer to the next heartbeat comes back here.
        }
        bool joined = reply.Verdict is VerdictCode.Accepted or VerdictCode.Duplicate;
        string? refusal = joined ? null : $"may not join run {run} yet: {reply.Reason}";
        if (joined) terminal.Say($"joined run {run} at node {leader.Id} with {examples} examples");
        // Who is refused asks with every heartbeat; that nothing has changed is no news.
        else if (refusal != _refusal) terminal.Say(refusal!);
        _refusal = refusal;
        return null;
    }

    private async Task BeatAsync(IClientStreamWriter<Heartbeat> stream, CancellationToken token)
    {
        using var tick = new PeriodicTimer(settings.HeartbeatEvery, time);
        try
        {
            do await stream.WriteAsync(presence.ToHeartbeat(worker.Run?.ToString() ?? ""), token);
            while (await tick.WaitForNextTickAsync(token));
        }
        catch (Exception e) when (
            e is RpcException or OperationCanceledException or InvalidOperationException or IOException)
        {
            // The stream is over (a connection that breaks under a write is an IOException); its reader says why.
        }
    }
}
