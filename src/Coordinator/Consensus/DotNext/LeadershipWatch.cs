namespace Quorate.Coordinator.Consensus.DotNext;

/// <summary>
/// Reports when this node's leadership begins (its first entry is committed and applied) and when it ends.
/// </summary>
/// <param name="begins">The library's wait for leadership. Its token is cancelled when that leadership ends.</param>
/// <param name="look">Called at every beginning and every end.</param>
internal sealed class LeadershipWatch(
    Func<CancellationToken, Task<CancellationToken>> begins, Action look, TimeProvider time)
{
    /// <summary>
    /// The library returns an ended leadership until its successor is set; wait this long before the next call.
    /// </summary>
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// A few election timeouts. A wait that began in one leadership waits for the first entry of that leadership, even
    /// in the next one. If another leader has replaced that entry, the wait may never end: this node would lead without
    /// noticing and take no proposals. A new wait concerns the current leadership.
    /// </summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(500);

    /// <summary>Ends with the stop, or when the library's wait fails.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (true)
        {
            CancellationToken leading;
            using (var patience = new CancellationTokenSource(_patience, time))
            using (var bound = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, stop))
            {
                try
                {
                    leading = await begins(bound.Token);
                }
                catch (OperationCanceledException) when (!stop.IsCancellationRequested)
                {
                    continue;
                }
            }
            look();
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using (leading.Register(ended.SetResult)) await ended.Task.WaitAsync(stop);
            look();
            await Task.Delay(_pause, time, stop);
        }
    }
}
