namespace Quorate.Coordinator.Blobs;

/// <summary>How blobs spread over the nodes.</summary>
public sealed record ReplicationOptions
{
    /// <summary>Copies of an update's bytes before it is accepted, this node's included; null: a majority.</summary>
    public int? UpdateCopies { get; init; }

    /// <summary>
    /// A peer that takes nothing for this long is left, and another takes over. Well above a GC pause, well below a
    /// trainer's patience.
    /// </summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a peer may take to fsync what it has received. A busy disk writes some 100 MB/s.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// A peer that was sent everything and has not answered after this, and the time below, is not waited for alone:
    /// half a second is some two hundred fsyncs of an idle disk.
    /// </summary>
    public TimeSpan AnswerSoon { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>What a busy disk is given for its part of that wait.</summary>
    public long FlushBytesPerSecond { get; init; } = 50_000_000;

    /// <summary>How long a peer that failed is asked last.</summary>
    public TimeSpan DoubtTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Once enough nodes hold a blob, how long the others may still finish.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// A sender that is silent for this long is cut off, and its part kept; so is a reader that takes no part.
    /// </summary>
    public TimeSpan SenderTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
