using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Requests with keys: applied once, and answered the same however often they are repeated.</summary>
public sealed class RequestKeyScenarios
{
    [Fact]
    public void A_request_repeated_under_its_key_is_not_applied_again()
    {
        var scene = Training("anna");
        var pause = new Command.PauseRun(Digits, 1) { Key = RequestKey.Parse("k1") };
        scene.Do(pause).IsAccepted();
        scene.Do(new Command.ResumeRun(Digits, 2)).IsAccepted();

        scene.Do(pause with { At = 3, Actor = "ada" }).IsDuplicate("Request k1 was accepted before.");

        Assert.False(scene.Run.Paused);
        scene.Do(pause with { Key = RequestKey.Parse("k2") }).IsAccepted();
    }

    [Fact]
    public void A_refusal_and_a_duplicate_are_repeated_word_for_word()
    {
        var scene = Training("anna");
        const string NoModel = "Run 'digits' has no model of round 1 (any more).";
        var open = new Command.OpenRun(RunId.Parse("next"), Rules(), "{}", 1)
        {
            Key = RequestKey.Parse("open"), Parent = new ParentModel(Digits, 1, FreshMemory: false),
        };
        var resume = new Command.ResumeRun(Digits, 1) { Key = RequestKey.Parse("resume") };
        scene.Do(open).IsRejected(NoModel);
        scene.Do(resume).IsDuplicate("Run 'digits' is not paused.");
        scene.Do(new Command.PauseRun(Digits, 1)).IsAccepted();
        scene.Do(resume).IsDuplicate("Run 'digits' is not paused.");
        scene.PlayRound(1, "anna");

        scene.Do(open).IsRejected(NoModel);
        scene.Do(open with { Key = default }).IsAccepted();
    }

    [Fact]
    public void A_key_belongs_to_one_request()
    {
        var scene = Training("anna");
        var key = RequestKey.Parse("k1");
        scene.Do(new Command.PauseRun(Digits, 1) { Key = key }).IsAccepted();
        const string Refusal = "Key k1 belongs to another request: choose a new key.";
        scene.Do(new Command.ResumeRun(Digits, 1) { Key = key }).IsRejected(Refusal);
        scene.Do(new Command.PauseRun(RunId.Parse("other"), 1) { Key = key }).IsRejected(Refusal);
        Assert.True(scene.Run.Paused);
    }

    [Fact]
    public void The_newest_thousand_keys_are_remembered()
    {
        var scene = Training("anna");
        var requests = Enumerable.Range(0, Limits.AnsweredRequests + 1)
            .Select(i => new Command.ResumeRun(Digits, i) { Key = RequestKey.Parse($"key-{i}") }).ToList();
        foreach (var request in requests) scene.Do(request).IsDuplicate("Run 'digits' is not paused.");
        scene.Do(new Command.PauseRun(Digits, 1)).IsAccepted();
        Assert.Equal(Limits.AnsweredRequests, scene.State.Answered.Count);

        scene.Do(requests[1]).IsDuplicate("Run 'digits' is not paused.");
        scene.Do(requests[0]).IsAccepted();
    }

    [Fact]
    public void The_largest_set_of_answers_is_read_back_from_a_bounded_snapshot()
    {
        var refusal = Outcome.Rejected(new string('€', Limits.ReasonChars));
        var state = ClusterState.Empty with
        {
            Answered = [.. Enumerable.Range(0, Limits.AnsweredRequests).Select(i => new AnsweredRequest(
                RequestKey.Parse($"{i}".PadLeft(RequestKey.MaxLength, '0')), Blob($"{i}"), refusal))],
        };
        byte[] bytes = StateCodec.Encode(state);
        Assert.InRange(bytes.Length, 0, 1_700_000);
        Assert.Equal(state.Answered, StateCodec.Decode(bytes).Answered);
        for (var pieces = StateCodec.Pieces(state); pieces.MoveNext();)
            Assert.InRange(pieces.Current.Length, 0, 80_000);
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("A.b_c-9", true)]
    [InlineData("", false)]
    [InlineData(".a", false)]
    [InlineData("a b", false)]
    [InlineData("ä", false)]
    public void A_key_is_written_like_an_id(string text, bool valid)
    {
        Assert.Equal(valid, RequestKey.TryParse(text, out var key));
        if (valid) Assert.Equal(text, key.ToString());
        else Assert.Equal(
            $"'{text}' is not a request key: use 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or a digit.",
            Assert.Throws<FormatException>(() => RequestKey.Parse(text)).Message);
    }

    [Fact]
    public void A_key_has_at_most_64_characters()
    {
        Assert.True(RequestKey.TryParse(new string('a', 64), out _));
        Assert.False(RequestKey.TryParse(new string('a', 65), out _));
    }
}
