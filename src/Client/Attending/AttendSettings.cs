using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Client.Attending;

/// <summary>How one trainer attends.</summary>
public sealed record AttendSettings
{
    public required TrainerId Trainer { get; init; }

    /// <summary>Models and updates of the current round lie here.</summary>
    public required string WorkDirectory { get; init; }

    /// <summary>Leave when the run has ended, instead of waiting for the next one.</summary>
    public required bool Once { get; init; }

    /// <summary>Between heartbeats: a twentieth of the coordinators' default lease.</summary>
    public TimeSpan HeartbeatEvery { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Every heartbeat is answered. A leader that left three of them unanswered hangs: look for another.
    /// </summary>
    public TimeSpan SilenceMax => 3 * HeartbeatEvery;

    /// <summary>
    /// Between two looks for the leader, growing up to <see cref="RetryAfterMax"/>: a look itself waits for up to a
    /// second, so this bounds only how often nodes are called that refuse at once.
    /// </summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromMilliseconds(50);

    public TimeSpan RetryAfterMax { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Transfers are tried again sooner than by default: a failover takes about a second, and the first update after it
    /// should not wait for a long pause to end. Some 10 s of tries, then a line on the terminal, then the same again.
    /// </summary>
    public RetryRules Retry { get; init; } =
        new() { Attempts = 30, Delay = TimeSpan.FromMilliseconds(50), DelayMax = TimeSpan.FromMilliseconds(400) };
}
