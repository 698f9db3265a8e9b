using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Snapshots: the format, and that a state which could not have arisen is refused.</summary>
public sealed class StateCodecTests
{
    /// <summary>The digest of <see cref="Rich"/>'s bytes: snapshots on disk have this format.</summary>
    private const string Golden = "03d455596053d7430d8d44dcc3c8ecd86fdc7b82d697f91d0e89e8f64284d72d";

    [Fact]
    public void The_format_is_the_one_on_disk() =>
        Assert.Equal(Golden, BlobHash.Of(StateCodec.Encode(Rich())).ToString());

    [Fact]
    public void The_empty_state_is_read_back() =>
        Assert.Equal(Hex(ClusterState.Empty), Hex(StateCodec.Decode(StateCodec.Encode(ClusterState.Empty))));

    [Fact]
    public void Everything_in_a_state_is_read_back()
    {
        var state = Rich();
        var read = StateCodec.Decode(StateCodec.Encode(state));
        Assert.Equal(Hex(state), Hex(read));
        Assert.Equal((state.Index, state.Chain), (read.Index, read.Chain));
        foreach (var (run, same) in state.Runs.Zip(read.Runs))
        {
            Assert.Equal(run.Trainers, same.Trainers);
            Assert.Equal(run.Updates, same.Updates);
            foreach (var (model, sameModel) in run.Trail.Zip(same.Trail))
            {
                Assert.Equal(model.Updates.ToArray(), sameModel.Updates.ToArray());
                Assert.Equal(model, sameModel with { Updates = model.Updates });
            }
            Assert.Equal(run, same with { Trainers = run.Trainers, Updates = run.Updates, Trail = run.Trail });
        }
    }

    [Fact]
    public void Models_that_are_unscored_for_one_reason_share_its_text()
    {
        var scene = Scene.Training("anna");
        scene.PlayRound(1, "anna");
        scene.PlayRound(2, "anna");
        foreach (int round in new[] { 0, 1, 2 }) scene.CannotScore(round, "no data").IsAccepted();
        foreach (var state in new[] { scene.State, StateCodec.Decode(StateCodec.Encode(scene.State)) })
        {
            var trail = state.Runs[^1].Trail;
            Assert.Equal("no data", trail[0].Unscored);
            Assert.Same(trail[0].Unscored, trail[1].Unscored);
            Assert.Same(trail[0].Unscored, trail[2].Unscored);
        }
    }

    [Fact]
    public void Every_prefix_and_a_byte_more_are_refused()
    {
        byte[] bytes = StateCodec.Encode(Rich());
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<InvalidDataException>(() => StateCodec.Decode(bytes.AsSpan(0, length)));
        Assert.Throws<InvalidDataException>(() => StateCodec.Decode([.. bytes, 0]));
    }

    [Fact]
    public void Another_version_is_refused()
    {
        byte[] bytes = StateCodec.Encode(Rich());
        bytes[0] = 2;
        var error = Assert.Throws<InvalidDataException>(() => StateCodec.Decode(bytes));
        Assert.Equal("The encoded fact holds version 2; this program knows 1.", error.Message);
    }

    [Fact]
    public void A_state_that_breaks_an_invariant_is_refused_with_it()
    {
        var state = Rich();
        var broken = state with { Runs = state.Runs.SetItem(1, state.Runs[1] with { Round = 1 }) };
        var error = Assert.Throws<InvalidDataException>(() => StateCodec.Decode(StateCodec.Encode(broken)));
        Assert.Equal("The encoded fact holds a broken state: the round does not follow the trail.", error.Message);
    }

    [Fact]
    public void A_count_is_checked_against_the_bytes_that_are_left_before_anything_is_allocated()
    {
        byte[] bytes = [1, .. new byte[8 + 32], 16, 0, 0, 0];
        var error = Assert.Throws<InvalidDataException>(() => StateCodec.Decode(bytes));
        Assert.Equal("The encoded fact holds a count of 16.", error.Message);
    }

    /// <summary>
    /// An ended run and an active one with every kind of entry: scored, unscored and open models, a departed trainer.
    /// </summary>
    private static ClusterState Rich()
    {
        var scene = new Scene();
        scene.Open("first").IsAccepted();
        scene.End("first", failed: true, reason: "größe").IsAccepted();
        scene.Open(rules: Rules(rounds: 5, keepUpdateRounds: 2), plan: "{\"ü\":1}").IsAccepted();
        scene.Publish(0).IsAccepted();
        scene.Join("anna").IsAccepted();
        scene.Join("bert").IsAccepted();
        for (int round = 1; round <= 3; round++) scene.PlayRound(round, "anna", "bert");
        scene.Score(1).IsAccepted();
        scene.CannotScore(2, "no data").IsAccepted();
        scene.Update("bert", 4).IsAccepted();
        scene.Leave("bert").IsAccepted();
        return scene.State;
    }

    private static string Hex(ClusterState state) => Convert.ToHexStringLower(StateCodec.Encode(state));
}
