using Quorate.Coordinator.Intake;

namespace Quorate.Unit.Intake;

public sealed class CallLimitsTests : IDisposable
{
    private readonly CallLimits _limits = new();

    public void Dispose() => _limits.Dispose();

    [Fact]
    public void A_call_above_the_limit_is_refused_with_a_sentence_until_another_one_ends()
    {
        var first = _limits.Upload();
        for (int i = 1; i < CallLimits.UploadsMax; i++) _ = _limits.Upload();

        var refusal = Assert.Throws<BusyException>(() => _limits.Upload());

        Assert.Equal("This coordinator already serves 96 uploads, its limit: try again in a moment.", refusal.Message);
        first.Dispose();
        first.Dispose(); // Only one place.
        _ = _limits.Upload();
        Assert.Throws<BusyException>(() => _limits.Upload());
    }

    [Fact]
    public void Linearizable_reads_cannot_use_up_the_places_of_commits()
    {
        for (int i = 0; i < CallLimits.ReadsMax; i++) _ = _limits.Read();
        Assert.Throws<BusyException>(() => _limits.Read());

        using var commit = _limits.Commit();

        Assert.True(commit.IsAcquired);
    }
}
