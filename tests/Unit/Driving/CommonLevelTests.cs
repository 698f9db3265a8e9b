using Microsoft.Extensions.Time.Testing;
using Quorate.Coordinator.Driving;

namespace Quorate.Unit.Driving;

public sealed class CommonLevelTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_level_counts_once_every_member_has_supported_it_for_a_minute()
    {
        var level = new CommonLevel(_time);
        Assert.Equal(0, level.Look(2));
        _time.Advance(CommonLevel.Held - TimeSpan.FromTicks(1));
        Assert.Equal(0, level.Look(2));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(2, level.Look(2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_member_that_is_silent_or_older_once_starts_the_minute_again(int lowest)
    {
        var level = new CommonLevel(_time);
        level.Look(2);
        _time.Advance(CommonLevel.Held / 2);
        level.Look(lowest);
        level.Look(2);
        _time.Advance(CommonLevel.Held / 2);
        Assert.Equal(0, level.Look(2));
        _time.Advance(CommonLevel.Held / 2);
        Assert.Equal(2, level.Look(2));
    }
}
