namespace Quorate.Coordinator.Consensus;

/// <summary>This node does not lead: ask <see cref="LeaderNode"/>. Nothing was proposed.</summary>
public sealed class NotLeaderException(int? leaderNode) : Exception(leaderNode is { } node
    ? $"This node does not lead: ask node {node}."
    : "No leader is known: ask again shortly.")
{
    /// <summary>Who leads, as this node knows it; null while none is known.</summary>
    public int? LeaderNode { get; } = leaderNode;
}

/// <summary>
/// The command may be or become committed, or not: leadership or the quorum was lost, or time ran out. Every command is
/// idempotent: ask again.
/// </summary>
public sealed class OutcomeUnknownException(string why, Exception? inner = null)
    : Exception($"The outcome is unknown ({why}): ask again.", inner);

/// <summary>
/// The log or the snapshots of this node cannot be trusted; the message is one sentence for the operator.
/// </summary>
public sealed class LogDamagedException(string message, Exception inner) : Exception(message, inner);
