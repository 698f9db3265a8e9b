using System.Security.Cryptography;
using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Cluster;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;
using Quorate.Shared.Transfer;

namespace Quorate.Client.Attending;

/// <summary>
/// The trainer's life: find the leader, attend, take the step that follows from each announcement, and find the leader
/// again when the stream ends. The stream carries only heartbeats and announcements. Long work (download, training,
/// upload) runs beside it in <see cref="RoundWorker"/> and survives every reconnection: a leader that dies costs a new
/// stream, never a training.
/// </summary>
public sealed class TrainerLoop(
    AttendSettings settings, ClusterConnections cluster, RoundWorker worker, Presence presence, Terminal terminal,
    TimeProvider time)
{
    /// <summary>Why it may not join, as it was last said; null while it may.</summary>
    private string? _refusal;

    /// <summary>
    /// A whole trainer: attends the cluster's runs with this learner until <paramref name="token"/>, or until its only
    /// run has ended (<see cref="AttendSettings.Once"/>). What happens is written to <paramref name="output"/>, a line
    /// for each event, and what is wrong with this trainer to <paramref name="errors"/>.
    /// </summary>
    /// <exception cref="OperationCanceledException">The token was cancelled; the trainer has left.</exception>
    public static async Task AttendAsync(
        AttendSettings settings, HostsFile hosts, ILearner learner, TextWriter output, TextWriter errors,
        CancellationToken token)
    {
        var time = TimeProvider.System;
        var terminal = new Terminal(time, output, errors, settings.Trainer.ToString());
        var presence = new Presence(settings.Trainer, DrawIncarnation());
        using var cluster = new ClusterConnections(hosts, time);
        await using var worker = new RoundWorker(settings, cluster, learner, presence, terminal, time);
        await new TrainerLoop(settings, cluster, worker, presence, terminal, time)
            .RunAsync(CancellationToken.None, leaving: token);
    }

    /// <summary>Returns when the trainer leaves by itself: its only run has ended.</summary>
    /// <param name="killed">Ends the loop wherever it is, as the death of the process would.</param>
    /// <param name="leaving">Ends it in good order: the leader is told, and removes the trainer at once.</param>
    /// <exception cref="OperationCanceledException">One of them was cancelled.</exception>
    public async Task RunAsync(CancellationToken killed, CancellationToken leaving = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(killed, leaving);
        await using var goodbye = leaving.Register(() => terminal.Say("leaving"));
        await LiveAsync(killed, either.Token);
    }

    /// <param name="token">The trainer is killed, or leaves.</param>
    private async Task LiveAsync(CancellationToken killed, CancellationToken token)
    {
        var pause = settings.RetryAfter;
        string? said = null;
        while (true)
        {
            token.ThrowIfCancellationRequested();
            string trouble;
            try
            {
                if (await cluster.FindLeaderAsync(token) is { } leader)
                {
                    if (await AttendAsync(leader, () => OnAnswer(leader), killed, token)) return;
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
            token.ThrowIfCancellationRequested(); // A stream that ends because this trainer leaves is no trouble.
            if (trouble != said) terminal.Say(said = trouble);
            await Task.Delay(pause, time, token);
            pause = pause * 1.5 < settings.RetryAfterMax ? pause * 1.5 : settings.RetryAfterMax;
        }

        // Pauses grow while nothing works; a leader that answers is a new start.
        void OnAnswer(NodeConnection leader)
        {
            pause = settings.RetryAfter;
            if (said is not null) terminal.Say($"attending node {leader.Id}");
            said = null;
        }
    }

    /// <summary>
    /// Attends one leader until the stream ends; true: the trainer leaves. <paramref name="onAnswer"/> is called with
    /// every answer. The stream outlives <paramref name="token"/> by the time that a goodbye takes.
    /// </summary>
    private async Task<bool> AttendAsync(
        NodeConnection leader, Action onAnswer, CancellationToken killed, CancellationToken token)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(killed);
        using var call = leader.Federation.Attend(cancellationToken: ends.Token);
        worker.Attend(leader);
        var beats = BeatAsync(call.RequestStream, ends, token);
        using var silence = new StallGuard(settings.SilenceMax, time, ends.Token);
        try
        {
            while (true)
            {
                silence.Moved();
                if (!await call.ResponseStream.MoveNext(silence.Token)) return false;
                silence.Pause();
                onAnswer();
                var runs = call.ResponseStream.Current.Runs.Select(AnnouncedRun.Read).ToList();
                var step = worker.OnAnnouncement(runs);
                if (step is TrainerStep.Join join && !token.IsCancellationRequested)
                    await JoinAsync(leader, join.Run, ends.Token);
                if (step is not TrainerStep.Leave leave) continue;
                terminal.Say($"run {leave.Run} has ended{Phase(runs, leave.Run)}");
                return true;
            }
        }
        catch (Exception e) when (silence.Token.IsCancellationRequested && !ends.IsCancellationRequested
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

    private static string Phase(List<AnnouncedRun> runs, RunId run) =>
        runs.Find(announced => announced.Run == run) is { } ended ? $" ({ended.Phase})" : "";

    private async Task JoinAsync(NodeConnection leader, RunId run, CancellationToken token)
    {
        long examples = worker.Examples;
        var join = new JoinRequest
        {
            Run = run.ToString(), Trainer = settings.Trainer.ToString(), Incarnation = presence.Incarnation,
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
            return; // Too many join at once: the next announcement leads here again.
        }
        bool joined = reply.Verdict is VerdictCode.Accepted or VerdictCode.Duplicate;
        worker.OnJoinAnswered(run, joined);
        string? refusal = joined ? null : $"may not join run {run} yet: {reply.Reason}";
        if (joined) terminal.Say($"joined run {run} at node {leader.Id} with {PlainText.Count(examples, "example")}");
        // A refused trainer asks with every heartbeat, and says so only when the answer changes.
        else if (refusal != _refusal) terminal.Say(refusal!);
        _refusal = refusal;
    }

    /// <summary>64 random bits tell this process from every other one under its id; 0 names no process.</summary>
    private static ulong DrawIncarnation() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;

    /// <summary>
    /// Sends heartbeats. When the trainer leaves, the last one says so. The leader then ends the stream; if it does
    /// not, this trainer does.
    /// </summary>
    private async Task BeatAsync(
        IClientStreamWriter<Heartbeat> stream, CancellationTokenSource ends, CancellationToken leaving)
    {
        using var tick = new PeriodicTimer(settings.HeartbeatEvery, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(leaving, ends.Token);
        try
        {
            for (bool leaves = false; ; leaves = leaving.IsCancellationRequested)
            {
                if (leaves) presence.ReportLeaving();
                await stream.WriteAsync(presence.ToHeartbeat(worker.Run), ends.Token);
                if (leaves) break;
                try
                {
                    if (!await tick.WaitForNextTickAsync(either.Token)) return;
                }
                catch (OperationCanceledException) when (!ends.IsCancellationRequested)
                {
                    // The trainer leaves; the next heartbeat says so.
                }
            }
            await stream.CompleteAsync();
            await Task.Delay(settings.SilenceMax, time, ends.Token);
            await ends.CancelAsync();
        }
        catch (Exception e) when (
            e is RpcException or OperationCanceledException or InvalidOperationException or IOException)
        {
            // The stream is over (a connection that breaks under a write is an IOException); its reader says why.
        }
    }
}
