using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Intake;

namespace Quorate.Unit.Intake;

public sealed class GroupCommitTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly GroupCommit _group;

    public GroupCommitTests() => _group = new GroupCommit(_time);

    [Fact]
    public async Task A_single_update_does_not_wait()
    {
        using var alone = _group.Join();
        await alone.ArriveAsync(default);
        using var next = _group.Join();
        await next.ArriveAsync(default);
    }

    [Fact]
    public async Task All_announced_updates_leave_when_the_last_has_arrived()
    {
        using GroupCommit.Member first = _group.Join(), second = _group.Join(), third = _group.Join();
        Task one = first.ArriveAsync(default), two = second.ArriveAsync(default);
        Assert.False(one.IsCompleted || two.IsCompleted);
        await third.ArriveAsync(default);
        await Task.WhenAll(one, two);
    }

    [Fact]
    public async Task No_update_waits_for_one_that_gave_up()
    {
        using var first = _group.Join();
        var other = _group.Join();
        var waiting = first.ArriveAsync(default);
        Assert.False(waiting.IsCompleted);
        other.Dispose();
        other.Dispose();
        await waiting;
        using var next = _group.Join();
        await next.ArriveAsync(default);
    }

    [Fact]
    public async Task No_update_waits_longer_than_the_limit_and_the_late_one_does_not_wait()
    {
        using GroupCommit.Member first = _group.Join(), late = _group.Join();
        var waiting = first.ArriveAsync(default);
        _time.Advance(GroupCommit.Patience - TimeSpan.FromMilliseconds(1));
        Assert.False(waiting.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await waiting;
        await late.ArriveAsync(default);
    }

    [Fact]
    public async Task A_cancelled_wait_throws()
    {
        using GroupCommit.Member first = _group.Join(), other = _group.Join();
        using var cancelled = new CancellationTokenSource();
        var waiting = first.ArriveAsync(cancelled.Token);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }
}
