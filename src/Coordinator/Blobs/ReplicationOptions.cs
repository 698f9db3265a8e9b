namespace Quorate.Coordinator.Blobs;

/// <summary>How blobs are copied to other nodes.</summary>
public sealed record ReplicationOptions
{
    /// <summary>Copies of an update's bytes before it is accepted, this node's included; null: a majority.</summary>
    public int? UpdateCopies { get; init; }

    /// <summary>
    /// A peer that takes nothing for this long is given up, and another takes over. Well above a GC pause, well below a
    /// trainer's timeout.
    /// </summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a peer may take to flush what it has received. A busy disk writes some 100 MB/s.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// When a peer was sent everything and has not answered after this time plus the time its disk needs, another peer
    /// is tried as well. Half a second is some two hundred flushes of an idle disk.
    /// </summary>
    public TimeSpan AnswerSoon { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The speed of a busy disk, from which the disk's time follows.</summary>
    public long FlushBytesPerSecond { get; init; } = 50_000_000;

    /// <summary>How long a peer that failed is tried last.</summary>
    public TimeSpan SuspectTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Once enough nodes hold a blob, how long the others may still take.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// A sender that is silent for this long is cut off, and its part kept. A reader that takes no part is cut off too.
    /// </summary>
    public TimeSpan SenderTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
