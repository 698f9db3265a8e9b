namespace Quorate.Coordinator.Consensus;

/// <summary>The leader as this node knows it.</summary>
/// <param name="LeaderNode">The leader's id; null while none is known.</param>
/// <param name="Term">The newest term this node has seen.</param>
/// <param name="Token">
/// Cancelled when this node stops leading, and from the start if it does not lead. Handed out only after the leader's
/// own first entry is committed, so that its state contains everything ever acknowledged.
/// </param>
public sealed record Leadership(int? LeaderNode, long Term, CancellationToken Token)
{
    /// <summary>True while this node leads. Another node may have taken over without this one knowing yet.</summary>
    public bool IsLeader => !Token.IsCancellationRequested;
}
