using Quorate.Rounds;
using Quorate.Shared.Transfer;

namespace Quorate.Client.Attending;

/// <summary>How one trainer attends.</summary>
public sealed record AttendSettings
{
    public required TrainerId Trainer { get; init; }

    /// <summary>The folder for the model and the update of the current round.</summary>
    public required string WorkDirectory { get; init; }

    /// <summary>Leave when the run has ended, instead of waiting for the next one.</summary>
    public required bool Once { get; init; }

    /// <summary>Between heartbeats: a twentieth of the coordinators' default lease.</summary>
    public TimeSpan HeartbeatEvery { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Every heartbeat is answered. A leader that leaves three of them unanswered hangs; the trainer looks for another.
    /// </summary>
    public TimeSpan SilenceMax => 3 * HeartbeatEvery;

    /// <summary>
    /// Pause between two searches for the leader, growing up to <see cref="RetryAfterMax"/>. A search itself waits for
    /// up to a second, so this only bounds how often nodes are called that refuse at once.
    /// </summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromMilliseconds(50);

    public TimeSpan RetryAfterMax { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The longest pause before a step that failed in this trainer's own surroundings (disk, data, device) is tried
    /// again. The first is <see cref="RetryAfterMax"/>, and each is twice as long as the one before.
    /// </summary>
    public TimeSpan CureAfterMax { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Transfers are tried again sooner than by default: a failover takes about a second, and the first update after it
    /// should not wait for a long pause to end. After 10 s of tries the trainer says so and starts again.
    /// </summary>
    public RetryRules Retry { get; init; } =
        new() { Attempts = 30, Delay = TimeSpan.FromMilliseconds(50), DelayMax = TimeSpan.FromMilliseconds(400) };
}
