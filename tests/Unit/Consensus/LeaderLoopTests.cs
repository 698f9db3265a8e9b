using Quorate.Coordinator.Consensus;
using Quorate.Rounds;

namespace Quorate.Unit.Consensus;

public sealed class LeaderLoopTests : IDisposable
{
    private readonly CancellationTokenSource _stopping = new(TimeSpan.FromSeconds(60));
    private readonly Elections _log = new();

    public void Dispose()
    {
        _stopping.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task Work_starts_with_each_leadership_ends_with_it_and_stops_with_the_node()
    {
        int reigns = 0;
        var started = new SemaphoreSlim(0);
        var loop = LeaderLoop.RunAsync(_log, LeadAsync, _stopping.Token);
        Assert.Equal(0, reigns);
        _log.Lead();
        await started.WaitAsync(_stopping.Token);
        _log.Depose();
        _log.Lead();
        await started.WaitAsync(_stopping.Token);
        await _stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop);
        Assert.Equal(2, reigns);

        async Task LeadAsync(CancellationToken token)
        {
            reigns++;
            started.Release();
            await Task.Delay(Timeout.Infinite, token);
        }
    }

    [Fact]
    public async Task Work_that_fails_for_another_reason_ends_the_loop()
    {
        _log.Lead();
        await Assert.ThrowsAsync<InvalidOperationException>(() => LeaderLoop.RunAsync(
            _log, _ => throw new InvalidOperationException("A fault of the program."), _stopping.Token));
    }

    private sealed class Elections : StubLog, IDisposable
    {
        private readonly Latest<Leadership> _leadership = new(new Leadership(null, 0, new(canceled: true)));
        private CancellationTokenSource _reign = new();

        public override ClusterState State => ClusterState.Empty;
        public override Leadership Leadership => _leadership.Value;

        public void Lead()
        {
            _reign.Dispose();
            _reign = new CancellationTokenSource();
            _leadership.Set(new Leadership(0, Leadership.Term + 1, _reign.Token));
        }

        public void Depose()
        {
            _leadership.Set(new Leadership(null, Leadership.Term, new(canceled: true)));
            _reign.Cancel();
        }

        public void Dispose() => _reign.Dispose();

        public override Task<Leadership> LeadershipChangedAsync(Leadership seen, CancellationToken token) =>
            _leadership.WhenAsync(now => now != seen, token);
    }
}
