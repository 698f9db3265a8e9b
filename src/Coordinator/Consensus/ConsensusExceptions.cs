namespace Quorate.Coordinator.Consensus;

/// <summary>This node does not lead; <see cref="LeaderNode"/> may. Nothing was proposed.</summary>
public sealed class NotLeaderException(int? leaderNode) : Exception(leaderNode is { } node
    ? $"This node does not lead; node {node} does."
    : "No leader is known; try again shortly.")
{
    /// <summary>The leader as this node knows it; null while none is known.</summary>
    public int? LeaderNode { get; } = leaderNode;
}

/// <summary>
/// The command may or may not be committed: leadership or the quorum was lost, or time ran out. Every command is
/// idempotent, so the caller may repeat it.
/// </summary>
public sealed class OutcomeUnknownException(string why, Exception? inner = null)
    : Exception($"The outcome is unknown ({why}); try again.", inner);

/// <summary>
/// This node's log or snapshots cannot be trusted or read; the message tells the operator why and what to do.
/// </summary>
public sealed class LogDamagedException(string message, Exception inner) : Exception(message, inner);

/// <summary>
/// Reports once that this node must stop. A node that continued with a broken log could acknowledge what it loses.
/// </summary>
internal sealed class FailStop(Action<Exception> onBroken, ILogger logger)
{
    private int _tripped;

    public bool Tripped => Volatile.Read(ref _tripped) != 0;

    public void Trip(Exception exception)
    {
        if (Interlocked.Exchange(ref _tripped, 1) != 0) return;
        logger.Broken(exception);
        onBroken(exception);
    }
}
