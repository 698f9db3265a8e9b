using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Driving;
using Quorate.Coordinator.Telemetry;

namespace Quorate.Unit.Driving;

public sealed class StepLoopTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly OperatorNotices _notices = new();

    /// <summary>The cause was in one node's log and nowhere else.</summary>
    [Fact]
    public async Task A_step_that_keeps_failing_is_a_notice_until_it_succeeds()
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var idle = new TaskCompletionSource<bool>();
        int failures = 0, successes = 0;
        bool broken = true;
        var loop = new StepLoop(_notices, _time, NullLogger<StepLoop>.Instance);
        var running = loop.RepeatAsync("run digits", Step, bound.Token);
        Assert.Empty(_notices.All);
        await AdvanceUntilAsync(() => _notices.All.Any());
        Assert.True(failures >= 6, "a failure or two are not worth a notice");
        Assert.Equal(["The next step for run digits fails, and the leader retries: The disk is full."], _notices.All);

        broken = false;
        await AdvanceUntilAsync(() => !_notices.All.Any());
        idle.SetResult(false);
        await running.WaitAsync(bound.Token);

        async Task<bool> Step(CancellationToken token)
        {
            if (broken)
            {
                failures++;
                throw new IOException("The disk is full.");
            }
            return ++successes == 1 || await idle.Task.WaitAsync(token);
        }

        async Task AdvanceUntilAsync(Func<bool> seen)
        {
            while (!seen())
            {
                bound.Token.ThrowIfCancellationRequested();
                _time.Advance(TimeSpan.FromSeconds(2));
                await Task.Yield();
            }
        }
    }
}
