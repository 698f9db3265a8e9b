using System.Buffers.Binary;
using Quorate.Rounds;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Snapshots: their format, and that an impossible state is refused.</summary>
public sealed class StateCodecTests
{
    /// <summary>The digest of <see cref="Rich"/>'s bytes: snapshots on disk have this format.</summary>
    private const string Golden = "c8d9d798ffb2ee69ad109e0e5364149a1333c5d8170d5e3e403d727fde702691";

    /// <summary>The bytes of <see cref="Small"/>.</summary>
    private static readonly string SmallGolden =
        "0301280000000500000000000000bb96ff7ef6237118fe3ed76d7712e1729ed7a1a41071252a8fe67da72a6ffcbd01000000" +
        "4400000006000000646967697473020000007b7d2100000003000000020000000100000000bca0650100000000a3e1110000" +
        "00000200000002e8030000000000000201000000e803020000001b00000004000000616e6e61010000000000000064000000" +
        "0000000001e8031b00000004000000626572740100000000000000640000000000000001e803010000005400000004000000" +
        "616e6e6116232b0f16135ed00ae01014ed91e9046e051c54b69c7fa2d7eb2262a6a842710a00000000000000640000000000" +
        "0000e80300000000000001000000040000006c6f7373000000000000e03f000000000100000042000000000000003c2c0281" +
        "c4093b065ae1446e6b56762eb5108a2fa5e92873b86116b751a61abe0a000000000000000000000000000000000000000000" +
        "000000000000e8030000000000000000";

    private const string OtherOpeningTime =
        "an opening time other than that of the newest model, where no round is open";

    /// <summary>The digest of a trail of two hundred rounds.</summary>
    private const string PackedGolden = "1a4a510eb6703b7e14b62d004e75dd723f379117a81f713035734781b5ebe3a5";

    [Fact]
    public void The_format_is_the_one_on_disk() => HasDigest(Golden, Rich());

    [Fact]
    public void The_format_of_a_small_state_is_the_one_on_disk() => Assert.Equal(SmallGolden, Hex(Small()));

    [Fact]
    public void The_format_of_packed_models_is_the_one_on_disk() => HasDigest(PackedGolden, LongTrail(200));

    [Fact]
    public void The_empty_state_is_read_back() =>
        Assert.Equal(Hex(ClusterState.Empty), Hex(StateCodec.Decode(StateCodec.Encode(ClusterState.Empty))));

    [Fact]
    public void Everything_in_a_state_is_read_back()
    {
        var state = Rich();
        var read = StateCodec.Decode(StateCodec.Encode(state));
        Assert.Equal(Hex(state), Hex(read));
        Assert.Equal(
            (state.Index, state.Chain, state.Id, state.MaxActiveRuns),
            (read.Index, read.Chain, read.Id, read.MaxActiveRuns));
        Assert.Equal(state.Answered, read.Answered);
        foreach (var (run, same) in state.Runs.Zip(read.Runs))
        {
            Assert.Equal(run.Trainers, same.Trainers);
            Assert.Equal(run.Updates, same.Updates);
            foreach (var (model, sameModel) in run.Trail.Zip(same.Trail))
            {
                Assert.Equal(model.Updates.ToArray(), sameModel.Updates.ToArray());
                Assert.Equal(model.Counted.ToArray(), sameModel.Counted.ToArray());
                Assert.Equal(model, sameModel with { Updates = model.Updates, Counted = model.Counted });
            }
            Assert.Equal(
                (run.Phase, run.Round, run.RoundOpenedAt, run.Reason),
                (same.Phase, same.Round, same.RoundOpenedAt, same.Reason));
            Assert.Equal(run, same with { Trainers = run.Trainers, Stage = run.Stage, Trail = run.Trail });
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

    /// <summary>The empty state of the first format, as that build wrote it.</summary>
    [Fact]
    public void A_state_of_an_earlier_format_is_refused_with_what_to_do()
    {
        byte[] recorded = [1, .. new byte[8], .. new byte[32], 0, 0, 0, 0];
        var error = Assert.Throws<UnsupportedFormatException>(() => StateCodec.Decode(recorded));
        Assert.Equal(CommandCodecTests.EarlierFormat, error.Message);
    }

    [Fact]
    public void A_state_of_a_higher_level_asks_for_a_newer_build()
    {
        byte[] bytes = StateCodec.Encode(Rich());
        bytes[1] = FeatureLevel.Supported + 1;
        var error = Assert.Throws<UnsupportedFormatException>(() => StateCodec.Decode(bytes));
        Assert.Equal(CommandCodecTests.HigherLevel, error.Message);
        bytes[0] = 4;
        var unknown = Assert.Throws<InvalidDataException>(() => StateCodec.Decode(bytes));
        Assert.Equal("The encoded fact holds format 4; this build reads 3.", unknown.Message);
    }

    [Fact]
    public void A_long_trail_is_read_back_as_it_was_packed()
    {
        var state = LongTrail(300);
        byte[] bytes = StateCodec.Encode(state);
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
    public void A_packed_model_must_not_await_its_score()
    {
        var awaiting = Enumerable.Range(0, PackedModels.Count).Select(round => new PublishedModel(
            round, Blob($"{round}"), 10, 1, 1, [], 0, 0) { Unscored = round == 7 ? "" : "no data" });
        var error = Assert.Throws<InvalidDataException>(
            () => Trail.Of([PackedModels.Pack(awaiting)], [], RunRules.DefaultScoreMetric));
        Assert.Equal("The encoded fact holds a packed model that awaits its score.", error.Message);
    }

    [Fact]
    public void A_state_that_breaks_an_invariant_is_refused_with_it()
    {
        var state = Rich();
        var scoring = state.Runs[1] with { Stage = new Stage.Scoring() };
        var broken = state with { Runs = state.Runs.SetItem(1, scoring) };
        var error = Assert.Throws<InvalidDataException>(() => StateCodec.Decode(StateCodec.Encode(broken)));
        Assert.Equal("The encoded fact holds a broken state: a run ended before its last round.", error.Message);
    }

    /// <summary>The encoded run has a model that opened at 0, is in round 1, and has one update.</summary>
    [Theory]
    [InlineData((Phase)99, 1, 1000, "", "a run of the unknown phase 99")]
    [InlineData(Phase.Preparing, 1, 0, "", "updates where no round is open")]
    [InlineData(Phase.Waiting, 1, 0, "", "updates where no round is open")]
    [InlineData(Phase.Queued, 1, 0, "", "updates where no round is open")]
    [InlineData(Phase.Scoring, 1, 0, "", "updates where no round is open")]
    [InlineData(Phase.Finished, 1, 0, "", "updates where no round is open")]
    [InlineData(Phase.Waiting, 1, 1000, "", OtherOpeningTime)]
    [InlineData(Phase.Scoring, 1, 1000, "", OtherOpeningTime)]
    [InlineData(Phase.Finished, 1, 1000, "", OtherOpeningTime)]
    [InlineData(Phase.Training, 0, 1000, "", "a round that does not follow the trail")]
    [InlineData(Phase.Aggregating, 2, 1000, "", "a round that does not follow the trail")]
    [InlineData(Phase.Stopped, 2, 1000, "enough", "a round that does not follow the trail")]
    [InlineData(Phase.Training, 1, 1000, "enough", "a reason for the end of a run that was not aborted")]
    [InlineData(Phase.Aggregating, 1, 1000, "enough", "a reason for the end of a run that was not aborted")]
    public void A_stage_with_facts_that_it_does_not_have_is_refused(
        Phase phase, int round, long roundOpenedAt, string reason, string what)
    {
        byte[] bytes = SmallWithStage(phase, round, roundOpenedAt, reason);
        var error = Assert.Throws<InvalidDataException>(() => StateCodec.Decode(bytes));
        Assert.Equal($"The encoded fact holds {what}.", error.Message);
    }

    [Theory]
    [InlineData(Phase.Training, 1000, "")]
    [InlineData(Phase.Aggregating, 1000, "")]
    [InlineData(Phase.Stopped, 77, "enough")]
    [InlineData(Phase.Failed, 77, "")]
    public void A_stage_with_its_facts_is_read_and_written_again(Phase phase, long roundOpenedAt, string reason)
    {
        byte[] bytes = SmallWithStage(phase, round: 1, roundOpenedAt, reason);
        var state = StateCodec.Decode(bytes);
        Assert.Equal((phase, 1, roundOpenedAt, reason, 1), (state.Runs[0].Phase, state.Runs[0].Round,
            state.Runs[0].RoundOpenedAt, state.Runs[0].Reason, state.Runs[0].Updates.Count));
        Assert.Equal(bytes, StateCodec.Encode(state));
    }

    [Fact]
    public void A_count_is_checked_against_the_bytes_that_are_left_before_anything_is_allocated()
    {
        byte[] bytes = [3, 1, 0, 0, 0, 0, 16, 0, 0, 0];
        var error = Assert.Throws<InvalidDataException>(() => StateCodec.Decode(bytes));
        Assert.Equal("The encoded fact holds a count of 16.", error.Message);
    }

    /// <summary>An open round with one update.</summary>
    private static ClusterState Small()
    {
        var scene = Training("anna", "bert");
        scene.Update("anna").IsAccepted();
        return scene.State;
    }

    /// <summary>The bytes of <see cref="Small"/> with another stage in the run's head.</summary>
    private static byte[] SmallWithStage(Phase phase, int round, long roundOpenedAt, string reason)
    {
        byte[] bytes = StateCodec.Encode(Small());
        var run = Small().Runs[0];
        var head = new FactWriter(FeatureLevel.First);
        using (head.Record())
        {
            head.Run(run.Id);
            head.Text(run.Plan, Limits.PlanChars);
            head.Rules(run.Rules);
            head.Int64(run.OpenedAt);
            head.Byte((byte)phase);
            head.Int32(round);
            head.Int64(roundOpenedAt);
            head.Text(reason, Limits.ReasonChars);
        }
        const int Start = 2 + 4 + 40 + 4; // behind the state's head, the cluster's record and the count of runs
        int end = Start + 4 + BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(Start));
        return [.. bytes.AsSpan(0, Start), .. head.Written.Span, .. bytes.AsSpan(end)];
    }

    /// <summary>
    /// An ended run, an active one with every kind of entry (scored, unscored and open models, a departed trainer), one
    /// that prepares its model, and a queued one.
    /// </summary>
    private static ClusterState Rich()
    {
        var scene = new Scene();
        scene.Do(new Command.NameCluster(ClusterId.FromBytes([.. new byte[15], 1]), 1)).IsAccepted();
        scene.Open("first").IsAccepted();
        scene.End("first", failed: true, reason: "größe").IsAccepted();
        scene.Open(rules: Rules(rounds: 5, keepUpdateRounds: 2), plan: "{\"ü\":1}").IsAccepted();
        scene.Publish(0).IsAccepted();
        scene.Join("anna").IsAccepted();
        scene.Join("bert").IsAccepted();
        for (int round = 1; round <= 2; round++) scene.PlayRound(round, "anna", "bert");
        scene.Update("anna", 3).IsAccepted();
        scene.Update("bert", 3).IsAccepted();
        scene.Do(new Command.PublishModel(Digits, 3, new BlobRef(Blob("model 3"), 10), 1000)
        {
            Contributors = [Id("bert")], Memory = new BlobRef(Blob("memory"), 4), Metrics = Metrics.Of(("norm", 2)),
        }).IsAccepted();
        scene.Score(1).IsAccepted();
        scene.CannotScore(2, "no data").IsAccepted();
        scene.Update("bert", 4).IsAccepted();
        scene.Leave("bert").IsAccepted();
        scene.Do(new Command.PauseRun(Digits, 1) { Key = RequestKey.Parse("k1") }).IsAccepted();
        scene.Do(new Command.PauseRun(Digits, 1) { Key = RequestKey.Parse("k2") }).IsDuplicate(
            "Run 'digits' is paused already.");
        scene.Do(new Command.LimitActiveRuns(2, 1)).IsAccepted();
        scene.Open("second").IsAccepted();
        scene.Do(new Command.OpenRun(RunId.Parse("third"), Rules(), "{}", 2)
        {
            Parent = new ParentModel(Digits, 3, FreshMemory: false),
        }).IsAccepted();
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

    private static void HasDigest(string expected, ClusterState state)
    {
        var digest = BlobHash.Of(StateCodec.Encode(state));
        Assert.True(expected == digest.ToString(), $"The state's digest is {digest}.");
    }

    private static string Hex(ClusterState state) => Convert.ToHexStringLower(StateCodec.Encode(state));
}
