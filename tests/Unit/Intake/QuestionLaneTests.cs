using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Intake;

namespace Quorate.Unit.Intake;

/// <summary>Callers that ask as fast as they can leave most of the processor to the others.</summary>
public sealed class QuestionLaneTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_place_rests_for_a_multiple_of_what_its_answer_took()
    {
        using var lane = new QuestionLane(_time);
        await lane.AnswerAsync(Costly, default);
        await lane.AnswerAsync(Costly, default);

        var third = lane.AnswerAsync(Costly, default);
        Assert.False(third.IsCompleted);
        _time.Advance(QuestionLane.RestMax);

        Assert.Equal(1, await third);
    }

    [Fact]
    public async Task A_failed_answer_gives_its_place_back()
    {
        using var lane = new QuestionLane(_time);
        for (int i = 0; i < 10; i++)
            await Assert.ThrowsAsync<InvalidDataException>(
                () => lane.AnswerAsync<int>(() => throw new InvalidDataException(), default));
        Assert.Equal(2, await lane.AnswerAsync(() => 2, default));
    }

    private int Costly()
    {
        _time.Advance(TimeSpan.FromMilliseconds(10));
        return 1;
    }
}
