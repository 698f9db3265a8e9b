using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Copies one blob to some peers, from its file, complete or still growing. There are as many lanes as copies wanted;
/// each lane copies the blob to one peer, and takes the next peer when that one fails or stalls. Lanes read the file
/// behind the writer (see <see cref="BlobSource"/>), so the upload never waits for a peer, and a peer that takes over
/// late starts at its own offset. When a peer was sent everything and does not answer, a further lane starts beside it:
/// the kernel buffers some megabytes for a process that hangs, so that sending succeeded proves little.
/// Invariant: a counted copy was answered ACCEPTED, so it is durable there.
/// </summary>
public sealed class ReplicaPush : IAsyncDisposable
{
    /// <summary>Answers in a row from one peer without progress, before it counts as failed.</summary>
    private const int IdleTurnsMax = 3;

    private readonly ConcurrentQueue<Turn> _queue;
    private readonly BlobSource _source;
    private readonly UpdateRound? _round;
    private readonly ReplicationOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop, _lingered;
    private readonly int _wanted, _required;
    private readonly Task _lanes;
    private readonly IReadOnlyList<Peer> _peers;
    private readonly ConcurrentDictionary<Peer, bool> _done = new();
    private int _copies;
    private volatile bool _refused;

    /// <summary>
    /// Starts <paramref name="lanes"/> lanes; once <paramref name="required"/> peers have the blob, the others get a
    /// moment more.
    /// </summary>
    internal ReplicaPush(
        BlobSource source, UpdateRound? round, IEnumerable<Peer> order, int lanes, int required,
        ReplicationOptions options, TimeProvider time, ILogger log, CancellationToken token)
    {
        (_source, _round, _required, _options, _time, _log) = (source, round, required, options, time, log);
        _peers = [.. order];
        _queue = new ConcurrentQueue<Turn>(_peers.Select(peer => new Turn(peer, IsSecond: false)));
        _wanted = Math.Min(lanes, _queue.Count);
        _lingered = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(token, _lingered.Token);
        _lanes = Task.WhenAll(Enumerable.Range(0, _wanted).Select(_ => RunLaneAsync()));
    }

    /// <summary>
    /// Whether a peer answered that the bytes are not the blob. They were damaged on the way in a manner that no
    /// checksum noticed, or they are damaged here.
    /// </summary>
    public bool Refused => _refused;

    /// <summary>
    /// Peers that have the blob on their disks, once all lanes have ended: as many as wanted, or all that could be
    /// reached.
    /// </summary>
    public async Task<int> FinishAsync()
    {
        await _lanes;
        return Volatile.Read(ref _copies);
    }

    /// <summary>Stops the lanes; partial copies stay at the peers and are resumed.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _lanes;
        _stop.Dispose();
        _lingered.Dispose();
    }

    private async Task RunLaneAsync()
    {
        await Task.Yield();
        while (_queue.TryDequeue(out var turn))
        {
            var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var push = PushAsync(turn.Peer, sent);
            var beside = await IsSlowAsync(push, sent.Task) ? BesideAsync(turn.Peer) : Task.CompletedTask;
            var (done, fault) = await push;
            await beside;
            if (_stop.IsCancellationRequested && !done)
            {
                // The others were done long ago, so this one hangs or is very slow.
                if (Volatile.Read(ref _copies) < _wanted) turn.Peer.Failed(_time);
                return;
            }
            if (done)
            {
                turn.Peer.Worked();
                Count(turn.Peer);
                return;
            }
            turn.Peer.Failed(_time);
            _log.PeerFailed(turn.Peer.Id, _source.Hash, fault);
            if (!turn.IsSecond) _queue.Enqueue(turn with { IsSecond = true });
        }
    }

    private void Count(Peer done)
    {
        _done.TryAdd(done, true);
        int copies = Interlocked.Increment(ref _copies);
        // No lane waits for a peer that failed a moment ago.
        bool hope = _peers.Any(peer => !_done.ContainsKey(peer) && !peer.IsSuspect(_time, _options.SuspectTime));
        if (copies == _wanted || (copies >= _required && !hope)) _stop.Cancel();
        else if (copies == _required) _lingered.CancelAfter(_options.Linger);
    }

    /// <summary>Whether everything was sent and no answer came in the time that a healthy peer needs.</summary>
    private async Task<bool> IsSlowAsync(Task push, Task sent)
    {
        if (await Task.WhenAny(push, sent) == push) return false;
        var flush = TimeSpan.FromSeconds(_source.Length / (double)_options.FlushBytesPerSecond);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var wait = Task.Delay(_options.AnswerSoon + flush, _time, over.Token);
        bool slow = await Task.WhenAny(push, wait) == wait && !_stop.IsCancellationRequested;
        await over.CancelAsync();
        return slow;
    }

    private Task BesideAsync(Peer slow)
    {
        slow.Failed(_time);
        _log.PeerFailed(slow.Id, _source.Hash, "it has all bytes and does not answer; trying another one as well");
        return RunLaneAsync();
    }

    /// <summary>Whether the peer has the blob on its disk, and if not, why.</summary>
    private async Task<(bool Done, string Fault)> PushAsync(Peer peer, TaskCompletionSource sent)
    {
        try
        {
            return await TryPushAsync(peer, sent);
        }
        catch (RpcException e)
        {
            return (false, $"{e.StatusCode}: {e.Status.Detail}");
        }
        catch (Exception e) when (
            e is TimeoutException or EndOfStreamException or InvalidDataException or OperationCanceledException)
        {
            return (false, e.Message); // InvalidDataException: the peer's answer was damaged on its way.
        }
    }

    private async Task<(bool Done, string Fault)> TryPushAsync(Peer peer, TaskCompletionSource sent)
    {
        var header = new UploadHeader { Blob = UnsafeByteOperations.UnsafeWrap(_source.Hash.ToArray()),
            Length = _source.Length };
        if (_round is { } round) header.Update = new UpdateFacts { Run = round.Run.ToString(), Round = round.Round };
        string reason = "";
        long offset = 0;
        for (int idle = 0; idle < IdleTurnsMax;)
        {
            using var guard = new StallGuard(_options.StallTimeout, _time, _stop.Token);
            using var call = peer.Peers.PutBlob(guard.Token);
            var reply = await PartSending.SendAsync(
                call, header, _source, offset, guard, _options.AnswerTimeout, Sent);
            if (reply.Verdict is VerdictCode.Accepted or VerdictCode.Duplicate)
            {
                BlobMeter.Sent.Add(_source.Length - offset);
                return (true, "");
            }
            // REJECTED: the peer's part was bad and is gone now; start again.
            _refused |= reply.Verdict == VerdictCode.Rejected;
            long next = reply.Verdict == VerdictCode.Incomplete ? Math.Clamp(reply.Have, 0, _source.Length) : 0;
            if (next <= offset) idle++;
            (offset, reason) = (next, reply.Reason);
        }
        return (false, reason);

        void Sent(long bytes)
        {
            if (bytes == _source.Length) sent.TrySetResult();
        }
    }

    private sealed record Turn(Peer Peer, bool IsSecond);
}
