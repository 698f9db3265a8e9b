using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// One blob on its way to some peers, from its file, complete or still growing. As many lanes as copies are wanted;
/// each lane brings the blob to one peer, and takes the next peer when that one fails or stalls. Lanes read the file
/// behind the writer (see <see cref="BlobSource"/>), so the upload never waits for a peer, and a peer that takes over
/// late starts at its own offset. A peer that has been sent everything and does not answer is not waited for alone: a
/// further lane starts beside it. (The kernel takes some megabytes for a process that hangs, so sending tells little.)
/// Invariant: a counted copy was answered ACCEPTED, so it is fsynced there.
/// </summary>
public sealed class Spread : IAsyncDisposable
{
    /// <summary>Answers in a row from one peer that move nothing, before it counts as failed.</summary>
    private const int IdleTurnsMax = 3;

    private readonly ConcurrentQueue<Turn> _queue;
    private readonly BlobSource _source;
    private readonly UpdateFacts? _update;
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
    /// Starts <paramref name="lanes"/> lanes; once <paramref name="required"/> peers have the blob, the rest may linger
    /// a moment.
    /// </summary>
    internal Spread(
        BlobSource source, UpdateFacts? update, IEnumerable<Peer> order, int lanes, int required,
        ReplicationOptions options, TimeProvider time, ILogger log, CancellationToken token)
    {
        (_source, _update, _required, _options, _time, _log) = (source, update, required, options, time, log);
        _peers = [.. order];
        _queue = new ConcurrentQueue<Turn>(_peers.Select(peer => new Turn(peer, IsSecond: false)));
        _wanted = Math.Min(lanes, _queue.Count);
        _lingered = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(token, _lingered.Token);
        _lanes = Task.WhenAll(Enumerable.Range(0, _wanted).Select(_ => RunLaneAsync()));
    }

    /// <summary>
    /// Whether a peer said of all the bytes that they are not the blob. They were damaged on the way in a manner that
    /// no check sum of theirs noticed, or they lie damaged here.
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

    /// <summary>Stops what still runs; partial copies stay at the peers and are resumed.</summary>
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
            var push = TryPushAsync(turn.Peer, sent);
            var beside = await IsSlowAsync(push, sent.Task) ? BesideAsync(turn.Peer) : Task.CompletedTask;
            string? fault = await push;
            await beside;
            if (_stop.IsCancellationRequested && fault is not null)
            {
                // The others were done for long enough, so this one hangs or is very slow.
                if (Volatile.Read(ref _copies) < _wanted) turn.Peer.Failed(_time);
                return;
            }
            if (fault is null)
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
        // Nobody lingers for a peer that failed a moment ago.
        bool hope = _peers.Any(peer => !_done.ContainsKey(peer) && !peer.IsDoubtful(_time, _options.DoubtTime));
        if (copies == _wanted || (copies >= _required && !hope)) _stop.Cancel();
        else if (copies == _required) _lingered.CancelAfter(_options.Linger);
    }

    /// <summary>Whether all was sent and no answer came in the time that a healthy peer needs.</summary>
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
        _log.PeerFailed(slow.Id, _source.Hash, "it has all bytes and does not answer; another is asked as well");
        return RunLaneAsync();
    }

    /// <summary>Null: the peer has it. Otherwise why not.</summary>
    private async Task<string?> TryPushAsync(Peer peer, TaskCompletionSource sent)
    {
        try
        {
            return await PushAsync(peer, sent);
        }
        catch (RpcException e)
        {
            return $"{e.StatusCode}: {e.Status.Detail}";
        }
        catch (Exception e) when (
            e is TimeoutException or EndOfStreamException or InvalidDataException or OperationCanceledException)
        {
            return e.Message; // InvalidDataException: the peer's answer was damaged on its way.
        }
    }

    private async Task<string?> PushAsync(Peer peer, TaskCompletionSource sent)
    {
        var header = new UploadHeader { Blob = UnsafeByteOperations.UnsafeWrap(_source.Hash.ToArray()),
            Length = _source.Length, Update = _update };
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
                return null;
            }
            // REJECTED: what lay there was bad and is gone now; from the start, then.
            _refused |= reply.Verdict == VerdictCode.Rejected;
            long next = reply.Verdict == VerdictCode.Incomplete ? Math.Clamp(reply.Have, 0, _source.Length) : 0;
            if (next <= offset) idle++;
            (offset, reason) = (next, reply.Reason);
        }
        return reason;

        void Sent(long bytes)
        {
            if (bytes == _source.Length) sent.TrySetResult();
        }
    }

    private sealed record Turn(Peer Peer, bool IsSecond);
}
