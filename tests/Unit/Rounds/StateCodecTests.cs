using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Snapshots: the format, and that a state which could not have arisen is refused.</summary>
public sealed class StateCodecTests
{
    /// <summary>The digest of <see cref="Rich"/>'s bytes: snapshots on disk have this format.</summary>
    private const string Golden = "03d455596053d7430d8d44dcc3c8ecd86fdc7b82d697f91d0e89e8f64284d72d";

    /// <summary>Of two hundred rounds.</summary>
    private const string PackedGolden = "1f76871e02b42ec79a1b19b8ae8c630a0aeac60a81ad6bfd97f0558d9d124b80";

    [Fact]
    public void The_format_is_the_one_on_disk() =>
        Assert.Equal(Golden, BlobHash.Of(StateCodec.Encode(Rich())).ToString());

    [Fact]
    public void The_format_of_packed_models_is_the_one_on_disk() =>
        Assert.Equal(PackedGolden, BlobHash.Of(StateCodec.Encode(LongTrail(200))).ToString());

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
        bytes[0] = 3;
        var error = Assert.Throws<InvalidDataException>(() => StateCodec.Decode(bytes));
        Assert.Equal("The encoded fact holds version 3; this program knows 1 and 2.", error.Message);
    }

    [Fact]
    public void A_long_trail_is_read_back_as_it_was_packed()
    {
        var state = LongTrail(300);
        byte[] bytes = StateCodec.Encode(state);
        Assert.Equal(2, bytes[0]);
        var read = StateCodec.Decode(bytes);
        Assert.Equal(bytes, StateCodec.Encode(read));
        Assert.Equal(state.Runs[0].Trail.Newest(1000), read.Runs[0].Trail.Newest(1000), Same);
        Assert.Equal(state.Runs[0].Trail.Best, read.Runs[0].Trail.Best);
        for (int length = 1; length < bytes.Length; length += 7)
            Assert.Throws<InvalidDataException>(() => StateCodec.Decode(bytes.AsSpan(0, length)));

        static bool Same(PublishedModel one, PublishedModel other) =>
            one == other with { Updates = one.Updates } && one.Updates.SequenceEqual(other.Updates);
    }

    [Fact]
    public void A_packed_model_is_one_that_awaits_nothing()
    {
        var awaiting = Enumerable.Range(0, PackedModels.Count).Select(round => new PublishedModel(
            round, Blob($"{round}"), 10, 1, 1, [], 0, 0, null, round == 7 ? "" : "no data"));
        var error = Assert.Throws<InvalidDataException>(() => Trail.Of([PackedModels.Pack(awaiting)], []));
        Assert.Equal("The encoded fact holds a packed model that awaits its score.", error.Message);
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

    internal static ClusterState LongTrail(int rounds)
    {
        var scene = Prepared(Rules(rounds: rounds + 1, minTrainers: 1, keepUpdateRounds: 3));
        scene.Join("anna").IsAccepted();
        for (int round = 1; round <= rounds; round++)
        {
            scene.Now += 70;
            scene.PlayRound(round, "anna");
            if (round % 3 == 0) scene.Score(round, accuracy: 0.5 + round % 7 / 100.0).IsAccepted();
            else scene.CannotScore(round, "no data").IsAccepted();
        }
        return scene.State;
    }

    private static string Hex(ClusterState state) => Convert.ToHexStringLower(StateCodec.Encode(state));
}
