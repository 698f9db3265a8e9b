namespace Quorate.Coordinator.Consensus;

/// <summary>
/// Looks when this node's leadership begins (its first entry committed and applied) and when it ends.
/// </summary>
/// <param name="begins">The library's wait for a leadership. It gives the token that is cancelled as that ends.</param>
/// <param name="look">Called at every beginning and every end.</param>
internal sealed class LeadershipWatch(
    Func<CancellationToken, Task<CancellationToken>> begins, Action look, TimeProvider time)
{
    /// <summary>
    /// The library hands out an ended leadership until its successor is set; this long, then ask again.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// Some election timeouts. A wait that began in one leadership waits for that one's first entry, also in the next.
    /// Where another leader has replaced that entry, nothing may ever be applied so far on: this node would lead, never
    /// say so, and take no proposals, for good. A new wait asks for the leadership of now.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    /// <summary>Ends with the stop, or with the failure of the library's wait.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (true)
        {
            if (await BeginsAsync(stop) is not { } leading) continue;
            look();
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using (leading.Register(ended.SetResult)) await ended.Task.WaitAsync(stop);
            look();
            await Task.Delay(Pause, time, stop);
        }
    }

    /// <summary>Null: not yet.</summary>
    private async Task<CancellationToken?> BeginsAsync(CancellationToken stop)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, stop);
        try
        {
            return await begins(bound.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return null;
        }
    }
}
