namespace Quorate.Coordinator.Consensus;

internal static class LeadershipWaiting
{
    /// <summary>Returns once this node leads, with the token that ends with that leadership.</summary>
    public static async Task<CancellationToken> WaitToLeadAsync(this IReplicatedLog log, CancellationToken token)
    {
        var leadership = log.Leadership;
        while (!leadership.IsLeader) leadership = await log.LeadershipChangedAsync(leadership, token);
        return leadership.Token;
    }
}
