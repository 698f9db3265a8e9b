using System.Collections.Concurrent;
using System.Threading.RateLimiting;
using Quorate.Rounds;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// How many calls of each kind this coordinator serves at the same time. A call above its limit is refused at once with
/// a sentence: a queue would delay every caller and hold memory.
/// </summary>
internal sealed class CallLimits(TimeProvider time) : IDisposable
{
    /// <summary>Statuses and chain hashes.</summary>
    public QuestionLane Questions { get; } = new(time);

    /// <summary>
    /// An upload holds some hundred kB of buffers here and is relayed to a peer at the same time: 96 stay below 300 MB
    /// in all, and fifty trainers that send at the same time need not wait for each other.
    /// </summary>
    public const int UploadsMax = 96;

    /// <summary>
    /// Uploads in one trainer's name: its own, and an earlier one whose connection broke without this node knowing yet.
    /// </summary>
    public const int UploadsOfOneMax = 2;

    /// <summary>
    /// Requests that wait for a commit. The log commits a few thousand entries a second, so the last of them waits for
    /// less than a second, well within the five that a proposal may take. The driver's proposals are not counted.
    /// </summary>
    public const int CommitsMax = 1024;

    /// <summary>Linearizable reads. They cannot use up the places of commits.</summary>
    public const int ReadsMax = 256;

    /// <summary>Blobs that other coordinators send: their own uploads and models.</summary>
    public const int PutsMax = 2 * UploadsMax + 64;

    /// <summary>A download holds one part at a time, at most 256 KiB: 128 MiB in all at worst.</summary>
    public const int DownloadsMax = 512;

    /// <summary>
    /// Long statuses on their way to clients: one page of models each, 16 MiB in all, and more only with thousands of
    /// trainers.
    /// </summary>
    public const int LongStatusesMax = 16;

    /// <summary>Trainers that attend: as many as the state may hold (Rounds/Limits).</summary>
    public const int AttendancesMax = Limits.Trainers;

    private readonly ConcurrentDictionary<string, int> _uploadsOf = new(StringComparer.Ordinal);

    private readonly ConcurrencyLimiter _uploads = New(UploadsMax), _commits = New(CommitsMax), _reads = New(ReadsMax),
        _puts = New(PutsMax), _downloads = New(DownloadsMax), _attendances = New(AttendancesMax),
        _statuses = New(LongStatusesMax);

    /// <exception cref="BusyException">The limit is reached.</exception>
    public RateLimitLease Upload() => Take(_uploads, UploadsMax, "uploads");

    /// <summary>The place of one sender; dispose it when the upload ends. A seed model's sender has no name.</summary>
    /// <exception cref="BusyException">The limit is reached.</exception>
    public IDisposable UploadOf(string trainer)
    {
        if (_uploadsOf.AddOrUpdate(trainer, 1, static (_, count) => count + 1) <= UploadsOfOneMax)
            return new Place(this, trainer);
        Leave(trainer);
        throw new BusyException(
            $"Trainer {trainer} already sends {UploadsOfOneMax} uploads, its limit: try again in a moment.");
    }

    /// <exception cref="BusyException">The limit is reached.</exception>
    public RateLimitLease Commit() => Take(_commits, CommitsMax, "requests that wait for a commit");

    /// <exception cref="BusyException">The limit is reached.</exception>
    public RateLimitLease Read() => Take(_reads, ReadsMax, "linearizable reads");

    /// <exception cref="BusyException">The limit is reached.</exception>
    public RateLimitLease Put() => Take(_puts, PutsMax, "blobs from other coordinators");

    /// <exception cref="BusyException">The limit is reached.</exception>
    public RateLimitLease Download() => Take(_downloads, DownloadsMax, "downloads");

    /// <exception cref="BusyException">The limit is reached.</exception>
    public RateLimitLease Attendance() => Take(_attendances, AttendancesMax, "attending trainers");

    /// <exception cref="BusyException">The limit is reached.</exception>
    public RateLimitLease LongStatus() => Take(_statuses, LongStatusesMax, "long statuses");

    public void Dispose()
    {
        Questions.Dispose();
        foreach (var limiter in (ConcurrencyLimiter[])
            [_uploads, _commits, _reads, _puts, _downloads, _attendances, _statuses]) limiter.Dispose();
    }

    private void Leave(string trainer)
    {
        int left = _uploadsOf.AddOrUpdate(trainer, 0, static (_, count) => count - 1);
        if (left == 0) _uploadsOf.TryRemove(new KeyValuePair<string, int>(trainer, 0));
    }

    private sealed class Place(CallLimits limits, string trainer) : IDisposable
    {
        public void Dispose() => limits.Leave(trainer);
    }

    private static ConcurrencyLimiter New(int max) => new(new ConcurrencyLimiterOptions { PermitLimit = max });

    private static RateLimitLease Take(ConcurrencyLimiter limiter, int max, string what)
    {
        var lease = limiter.AttemptAcquire();
        if (lease.IsAcquired) return lease;
        lease.Dispose();
        throw new BusyException($"This coordinator already serves {max} {what}, its limit: try again in a moment.");
    }
}

/// <summary>
/// Answers questions that anybody may ask as often as it likes, with a fraction of a processor: two at a time, and
/// after each one its place rests for eight times as long as the answer took, up to <see cref="RestMax"/>. The others
/// wait, and are refused after <see cref="WaitMax"/>: a caller that is refused at once would ask again at once.
/// </summary>
internal sealed class QuestionLane(TimeProvider time) : IDisposable
{
    public static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(5);

    /// <summary>On a busy machine an answer takes long because it waits for a processor.</summary>
    public static readonly TimeSpan RestMax = TimeSpan.FromMilliseconds(40);

    private const int Places = 2, RestFactor = 8, WaitingMax = 4096;

    private readonly SemaphoreSlim _places = new(Places);
    private int _waiting;

    /// <exception cref="BusyException">Too many others ask.</exception>
    public async Task<T> AnswerAsync<T>(Func<T> answer, CancellationToken token)
    {
        if (!_places.Wait(0, token) && !await WaitAsync(token))
            throw new BusyException("Too many callers ask this coordinator at the same time: try again in a moment.");
        long start = time.GetTimestamp();
        try
        {
            return answer();
        }
        finally
        {
            _ = RestAsync(time.GetElapsedTime(start) * RestFactor);
        }
    }

    public void Dispose() => _places.Dispose();

    private async Task<bool> WaitAsync(CancellationToken token)
    {
        try
        {
            return Interlocked.Increment(ref _waiting) <= WaitingMax && await _places.WaitAsync(WaitMax, token);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private async Task RestAsync(TimeSpan rest)
    {
        if (rest >= TimeSpan.FromMilliseconds(1))
            await Task.Delay(rest < RestMax ? rest : RestMax, time, CancellationToken.None);
        try
        {
            _places.Release();
        }
        catch (ObjectDisposedException)
        {
            // The node has stopped meanwhile.
        }
    }
}

/// <summary>This node serves as many calls of a kind as it can. The message says which.</summary>
internal sealed class BusyException(string sentence) : Exception(sentence);
