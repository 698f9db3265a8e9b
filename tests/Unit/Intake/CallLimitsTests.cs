using Quorate.Coordinator.Intake;

namespace Quorate.Unit.Intake;

public sealed class CallLimitsTests : IDisposable
{
    private readonly CallLimits _limits = new(TimeProvider.System);

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

    /// <summary>One member with a byte now and then held all places of uploads.</summary>
    [Fact]
    public void One_trainer_cannot_take_the_upload_places_of_the_others()
    {
        var first = _limits.UploadOf("anna");
        for (int i = 1; i < CallLimits.UploadsOfOneMax; i++) _ = _limits.UploadOf("anna");

        var refusal = Assert.Throws<BusyException>(() => _limits.UploadOf("anna"));
        Assert.Contains("Trainer anna already sends", refusal.Message, StringComparison.Ordinal);
        using var other = _limits.UploadOf("bert");
        first.Dispose();
        using var next = _limits.UploadOf("anna");
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
