using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Intake;

namespace Quorate.Unit.Intake;

public sealed class GroupCommitTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly GroupCommit _group;

    public GroupCommitTests() => _group = new GroupCommit(_time);

    [Fact]
    public async Task Who_is_on_its_way_alone_waits_for_nobody()
    {
        using var alone = _group.Join();
        await alone.ArriveAsync(default);
        using var next = _group.Join();
        await next.ArriveAsync(default);
    }

    [Fact]
    public async Task All_who_are_on_their_way_leave_when_the_last_has_arrived()
    {
        using GroupCommit.Member first = _group.Join(), second = _group.Join(), third = _group.Join();
        Task one = first.ArriveAsync(default), two = second.ArriveAsync(default);
        Assert.False(one.IsCompleted || two.IsCompleted);
        await third.ArriveAsync(default);
        await Task.WhenAll(one, two);
    }

    [Fact]
    public async Task Nobody_waits_for_one_that_gives_up()
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
    public async Task Nobody_waits_longer_than_its_patience_and_the_late_one_waits_for_nobody()
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
    public async Task Who_is_cancelled_while_it_waits_says_so()
    {
        using GroupCommit.Member first = _group.Join(), other = _group.Join();
        using var cancelled = new CancellationTokenSource();
        var waiting = first.ArriveAsync(cancelled.Token);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }
}
