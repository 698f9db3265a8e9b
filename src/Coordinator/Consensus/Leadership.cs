namespace Quorate.Coordinator.Consensus;

/// <summary>Who leads, as this node knows it.</summary>
/// <param name="LeaderNode">The leader's id; null while none is known.</param>
/// <param name="Term">The newest term this node has seen.</param>
/// <param name="Token">
/// Cancelled when this node stops leading, and from the start where it does not lead. Only handed out after the
/// leader's own no-op is committed, so that its state holds everything that was ever acknowledged.
/// </param>
public sealed record Leadership(int? LeaderNode, long Term, CancellationToken Token)
{
    /// <summary>True while this node leads. Another node may have taken over without this one knowing yet.</summary>
    public bool IsLeader => !Token.IsCancellationRequested;
}
