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
/// This node's log or snapshots cannot be trusted; the message is one sentence for the operator.
/// </summary>
public sealed class LogDamagedException(string message, Exception inner) : Exception(message, inner);
