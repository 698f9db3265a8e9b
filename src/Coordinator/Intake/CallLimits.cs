using System.Threading.RateLimiting;
using Quorate.Rounds;

namespace Quorate.Coordinator.Intake;

/// <summary>
/// How many calls of each kind this coordinator serves at the same time. A call above its limit is refused at once with
/// a sentence: a queue would delay every caller and hold memory.
/// </summary>
internal sealed class CallLimits : IDisposable
{
    /// <summary>
    /// An upload holds some hundred kB of buffers here and is relayed to a peer at the same time: 96 stay below 300 MB
    /// in all, and fifty trainers that send at the same time need not wait for each other.
    /// </summary>
    public const int UploadsMax = 96;

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

    /// <summary>Trainers that attend: as many as the state may hold (Rounds/Limits).</summary>
    public const int AttendancesMax = Limits.Trainers;

    private readonly ConcurrencyLimiter _uploads = New(UploadsMax), _commits = New(CommitsMax), _reads = New(ReadsMax),
        _puts = New(PutsMax), _downloads = New(DownloadsMax), _attendances = New(AttendancesMax);

    /// <exception cref="BusyException">The limit is reached.</exception>
    public RateLimitLease Upload() => Take(_uploads, UploadsMax, "uploads");

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

    public void Dispose()
    {
        foreach (var limiter in (ConcurrencyLimiter[])[_uploads, _commits, _reads, _puts, _downloads, _attendances])
            limiter.Dispose();
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

/// <summary>This node serves as many calls of a kind as it can. The message says which.</summary>
internal sealed class BusyException(string sentence) : Exception(sentence);
