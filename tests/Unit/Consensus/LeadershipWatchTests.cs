using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Consensus.DotNext;

namespace Quorate.Unit.Consensus;

public sealed class LeadershipWatchTests
{
    /// <summary>
    /// Durability seed 53: a node led without noticing. Its wait had begun in an earlier leadership, whose first entry
    /// another leader had replaced. The log never grew that far again, because no client proposed to a node that did
    /// not say it led.
    /// </summary>
    [Fact]
    public async Task A_leadership_is_noticed_although_the_wait_for_an_earlier_one_never_ends()
    {
        var time = new FakeTimeProvider();
        using var stop = new CancellationTokenSource();
        using var leading = new CancellationTokenSource();
        var looked = new SemaphoreSlim(0);
        int waits = 0;
        var watching = new LeadershipWatch(
            async token =>
            {
                if (++waits == 1) await Task.Delay(Timeout.Infinite, token); // for an entry that is overwritten
                return leading.Token;
            },
            () => looked.Release(), time).RunAsync(stop.Token);

        Assert.False(await looked.WaitAsync(0));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await looked.WaitAsync(TimeSpan.FromSeconds(10)), "The leadership's beginning was not noticed.");
        await leading.CancelAsync();
        Assert.True(await looked.WaitAsync(TimeSpan.FromSeconds(10)), "The leadership's end was not noticed.");

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching);
    }
}
