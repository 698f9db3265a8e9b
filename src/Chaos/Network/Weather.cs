namespace Quorate.Chaos.Network;

/// <summary>What happens to bytes in one direction of a link.</summary>
public sealed record Weather
{
    public static Weather Fair { get; } = new();

    /// <summary>
    /// Nothing passes and nothing closes: neither end learns that the other died. Bytes sent in the meantime arrive
    /// late, when the lane clears, as TCP retransmits what was lost in a partition.
    /// </summary>
    public bool Held { get; init; }

    /// <summary>The delay of a chunk of up to 64 KiB, plus or minus <see cref="Jitter"/>.</summary>
    public TimeSpan Delay { get; init; }

    public TimeSpan Jitter { get; init; }

    /// <summary>
    /// The probability that one bit is flipped in a chunk of at least <see cref="FlipFrom"/> bytes.
    /// </summary>
    public double FlipChance { get; init; }

    /// <summary>
    /// Bits are not flipped in smaller chunks: those are calls and answers, which have no checksum besides TCP's.
    /// Weights have their own checksums, and chunks of this size contain little else.
    /// </summary>
    public const int FlipFrom = 8 * 1024;

    /// <summary>After this many more bytes, the connection that carries the last one is reset. Null: never.</summary>
    public long? CutAfter { get; init; }
}
