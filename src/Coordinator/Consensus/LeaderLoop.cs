namespace Quorate.Coordinator.Consensus;

/// <summary>Work that only the leader does: wait to lead, work while leading, wait again.</summary>
internal static class LeaderLoop
{
    /// <summary>
    /// Calls <paramref name="lead"/> each time this node becomes leader, with a token that is cancelled when the
    /// leadership ends or <paramref name="stopping"/> is. Losing the leadership is normal: the state says everything
    /// that the next leader needs.
    /// </summary>
    /// <exception cref="OperationCanceledException">Stopping.</exception>
    public static async Task RunAsync(
        IReplicatedLog log, Func<CancellationToken, Task> lead, CancellationToken stopping)
    {
        while (true)
        {
            var leadership = await log.WaitToLeadAsync(stopping);
            using var leading = CancellationTokenSource.CreateLinkedTokenSource(stopping, leadership);
            try
            {
                await lead(leading.Token);
            }
            catch (OperationCanceledException) when (leading.IsCancellationRequested)
            {
                stopping.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>Returns once this node leads, with the token that is cancelled when that leadership ends.</summary>
    public static async Task<CancellationToken> WaitToLeadAsync(this IReplicatedLog log, CancellationToken token)
    {
        var leadership = log.Leadership;
        while (!leadership.IsLeader) leadership = await log.LeadershipChangedAsync(leadership, token);
        return leadership.Token;
    }
}
