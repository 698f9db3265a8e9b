namespace Quorate.Chaos.Network;

/// <summary>What becomes of bytes that go one way over a link.</summary>
public sealed record Weather
{
    public static Weather Fair { get; } = new();

    /// <summary>
    /// Nothing passes, and nothing closes: neither end learns that the other died. What was sent meanwhile arrives when
    /// the sky clears, late, as TCP repeats what was lost in a partition.
    /// </summary>
    public bool Held { get; init; }

    /// <summary>What a chunk of up to 64 KiB waits, give or take <see cref="Jitter"/>.</summary>
    public TimeSpan Delay { get; init; }

    public TimeSpan Jitter { get; init; }

    /// <summary>
    /// Chance, for each chunk of at least <see cref="FlipFrom"/> bytes, that one of its bits is flipped.
    /// </summary>
    public double FlipChance { get; init; }

    /// <summary>
    /// Smaller chunks are spared: they are calls and answers, which carry no checksum of their own but TCP's. What
    /// checks itself is weights, and chunks of this size are made of little else.
    /// </summary>
    public const int FlipFrom = 8 * 1024;

    /// <summary>After this many more bytes the connection that carries the last one is reset. Null: never.</summary>
    public long? CutAfter { get; init; }
}
