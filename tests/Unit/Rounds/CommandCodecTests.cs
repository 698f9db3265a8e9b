using Quorate.Rounds;
using static Quorate.Rounds.Command;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Commands as bytes: the format to the byte, and what is refused on either side.</summary>
public sealed class CommandCodecTests
{
    private static readonly BlobHash Hash = BlobHash.FromBytes([.. Enumerable.Range(0xa0, 32).Select(i => (byte)i)]);

    /// <summary>One with every field used, and the shortest of each kind with optional fields.</summary>
    private static readonly Command[] OneOfEachKind =
    [
        new OpenRun(Digits, Rules() with { ScoreMetric = "f1" }, "{\"ü\":1}", 1) { Actor = "ada" },
        new OpenRun(Digits, Rules(), "{}", 1),
        new Join(Digits, Id("anna"), 0x1122334455667788, 2, 100, 1),
        new Leave(Digits, Id("anna"), 3, 1),
        new AcceptUpdate(Digits, 4, Id("anna"), Hash, 5, 6, Metrics.Of(("norm", double.NaN), ("loss", 0.5)), 1),
        new AcceptUpdate(Digits, 4, Id("anna"), Hash, 5, 6, Metrics.None, 1),
        new CloseRound(Digits, 4, 1),
        new PublishModel(Digits, 4, new BlobRef(Hash, 5), 1)
        {
            Unscored = "no data", Memory = new BlobRef(Hash, 7), Metrics = Metrics.Of(("norm", 2)),
            Contributors = [Id("anna"), Id("bert")],
        },
        new PublishModel(Digits, 4, new BlobRef(Hash, 5), 1),
        new RecordScore(Digits, 4, Scored(0.5, 0.25, 2000), "", 1),
        new RecordScore(Digits, 4, Metrics.None, "no data", 1),
        new EndRun(Digits, true, "why", 1),
        new PauseRun(Digits, 1) { Key = RequestKey.Parse("Key-1") },
        new ResumeRun(Digits, 1),
        new OpenRun(Digits, Rules(), "{}", 1) { Parent = new ParentModel(Digits, 2, FreshMemory: true) },
        new OpenRun(Digits, Rules() with
        {
            MaxExamples = 500, MaxShare = 0.5, MaxMissedRounds = 3, Initial = InitialModel.Trainer,
        }, "{}", 1),
        new RaiseLevel(1, 1),
        new NameCluster(ClusterId.FromBytes([.. Enumerable.Range(1, 16).Select(i => (byte)i)]), 1),
        new HoldLevel(true, 1),
        new HoldLevel(false, 1),
        new LimitActiveRuns(2, 1),
    ];

    /// <summary>
    /// The bytes of <see cref="OneOfEachKind"/>, as they are in logs on disk. If this test fails, the change needs a
    /// higher feature level, not new bytes here.
    /// </summary>
    private static readonly string[] Golden =
    [
        "030101570000000100000000000000030000006164610000000006000000646967697473080000007b22c3bc223a317d2a00" +
        "000003000000020000000100000000bca0650100000000a3e111000000000200000002000000020000006631",
        "030101450000000100000000000000000000000000000006000000646967697473020000007b7d2100000003000000020000" +
        "000100000000bca0650100000000a3e111000000000200000002",
        "03010233000000010000000000000000000000000000000600000064696769747304000000616e6e61887766554433221102" +
        "0000000000000064",
        "03010323000000010000000000000000000000000000000600000064696769747304000000616e6e6103",
        "0301047a00000001000000000000000000000000000000060000006469676974730400000004000000616e6e61a0a1a2a3a4" +
        "a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf0500000000000000060000000000000002000000040000" +
        "006c6f7373000000000000e03f040000006e6f726d000000000000f8ff",
        "0301044f00000001000000000000000000000000000000060000006469676974730400000004000000616e6e61a0a1a2a3a4" +
        "a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf050000000000000006",
        "0301051b000000010000000000000000000000000000000600000064696769747304",
        "030106a1000000010000000000000000000000000000000600000064696769747304000000a0a1a2a3a4a5a6a7a8a9aaabac" +
        "adaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf0500000000000000070000006e6f2064617461a0a1a2a3a4a5a6a7a8a9aaab" +
        "acadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf070000000000000001000000040000006e6f726d00000000000000400200" +
        "000004000000616e6e610400000062657274",
        "0301063f000000010000000000000000000000000000000600000064696769747304000000a0a1a2a3a4a5a6a7a8a9aaabac" +
        "adaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf05",
        "0301075e00000001000000000000000000000000000000060000006469676974730400000000000000030000000800000061" +
        "63637572616379000000000000d03f080000006578616d706c65730000000000409f40040000006c6f7373000000000000e0" +
        "3f",
        "03010729000000010000000000000000000000000000000600000064696769747304000000070000006e6f2064617461",
        "0301082200000001000000000000000000000000000000060000006469676974730103000000776879",
        "03010b1f000000010000000000000000000000050000004b65792d3106000000646967697473",
        "03010c1a0000000100000000000000000000000000000006000000646967697473",
        "030101580000000100000000000000000000000000000006000000646967697473020000007b7d2100000003000000020000" +
        "000100000000bca0650100000000a3e1110000000002000000020f000000060000006469676974730200000001",
        "030101610000000100000000000000000000000000000006000000646967697473020000007b7d3d00000003000000020000" +
        "000100000000bca0650100000000a3e11100000000020000000200000000000000f401000000000000000000000000e03f03" +
        "00000002",
        "030109110000000100000000000000000000000000000001",
        "03010a20000000010000000000000000000000000000000102030405060708090a0b0c0d0e0f10",
        "03010d110000000100000000000000000000000000000001",
        "03010d0100000001",
        "03010e110000000100000000000000000000000000000002",
    ];

    internal const string EarlierFormat =
        "This data directory was written by an earlier format of Quorate. Export the models with `quorate pull` of the "
        + "old build, then start a new cluster with an empty data directory.";

    internal const string HigherLevel =
        "This log was written at feature level 2; this build supports up to 1. Install a newer build.";

    [Fact]
    public void The_format_of_every_kind_is_the_one_on_disk() =>
        Assert.Equal(Golden, OneOfEachKind.Select(c => Convert.ToHexStringLower(Bytes(c))));

    [Fact]
    public void Every_kind_of_command_is_among_them() =>
        Assert.Equal(
            typeof(Command).GetNestedTypes().Where(t => !t.IsAbstract).Select(t => t.Name).Order(),
            OneOfEachKind.Select(c => c.GetType().Name).Distinct().Order());

    [Fact]
    public void Every_kind_is_read_back_the_same() =>
        Assert.All(OneOfEachKind, c => Assert.Equal(c, CommandCodec.Decode(Bytes(c))));

    [Fact]
    public void Every_prefix_of_a_command_and_a_command_with_a_byte_more_are_refused()
    {
        foreach (byte[] bytes in OneOfEachKind.Select(Bytes))
        {
            for (int length = 0; length < bytes.Length; length++)
                Assert.Throws<InvalidDataException>(() => CommandCodec.Decode(bytes.AsSpan(0, length)));
            Assert.Throws<InvalidDataException>(() => CommandCodec.Decode([.. bytes, 0]));
        }
    }

    [Theory]
    [InlineData("04", "format 4; this build reads 3")]
    [InlineData("0300", "feature level 0")]
    [InlineData("0301", "a field of length 0 where 1 are due")]
    [InlineData("030105ffffffff", "a length of -1 where 0 are left")]
    [InlineData("030105ffffff7f", "a length of 2147483647 where 0 are left")]
    [InlineData("0301050000000000", "bytes after its end, 1 of them")]
    [InlineData("03010f00000000", "a command of the unknown kind 15")]
    [InlineData("03010500000000", "an invalid run name")]
    [InlineData("03010515000000010000000000000000000000" + "000000000100000041", "an invalid run name")]
    [InlineData("03010515000000010000000000000000000000" + "0000000001000000ff", "a text that is not UTF-8")]
    [InlineData(
        "03010519000000010000000000000000000000" + "00000000010000006100000000", "a record with zeros at its end")]
    [InlineData(
        "0301051a000000010000000000000000000000" + "0000000001000000610000000001", "bytes after its end, 1 of them")]
    [InlineData("03010816000000010000000000000000000000" + "00000000010000006102", "a truth value of 2")]
    [InlineData("03010511000000010000000000000000000000" + "010000002e", "an invalid request key")]
    [InlineData("0301090100000001", "feature level 0")]
    [InlineData("03010a0100000001", "a cluster id that is not set")]
    public void Bytes_that_are_not_a_command_are_refused_with_the_reason(string hex, string what)
    {
        var error = Assert.Throws<InvalidDataException>(() => CommandCodec.Decode(Convert.FromHexString(hex)));
        Assert.Equal($"The encoded fact holds {what}.", error.Message);
    }

    [Fact]
    public void A_command_of_an_earlier_format_is_refused_with_what_to_do()
    {
        byte[] recorded = Convert.FromHexString("01080600000064696769747301000000000000000103000000776879");
        var error = Assert.Throws<UnsupportedFormatException>(() => CommandCodec.Decode(recorded));
        Assert.Equal(EarlierFormat, error.Message);
    }

    [Fact]
    public void A_higher_feature_level_asks_for_a_newer_build()
    {
        byte[] bytes = Bytes(new CloseRound(Digits, 4, 1));
        bytes[1] = FeatureLevel.Supported + 1;
        Assert.Equal(HigherLevel, Assert.Throws<UnsupportedFormatException>(() => CommandCodec.Decode(bytes)).Message);
        byte[] raise = Bytes(new RaiseLevel(FeatureLevel.First, 1));
        raise[^1] = FeatureLevel.Supported + 1;
        Assert.Equal(HigherLevel, Assert.Throws<UnsupportedFormatException>(() => CommandCodec.Decode(raise)).Message);
        Assert.Throws<ArgumentException>(() => Bytes(new RaiseLevel(FeatureLevel.Supported + 1, 1)));
    }

    /// <summary>The bytes of an older build that did not know the last fields.</summary>
    [Fact]
    public void A_field_that_is_missing_at_the_end_of_a_record_has_its_default()
    {
        var model = new BlobRef(Hash, 5);
        var contributors = new PublishModel(Digits, 4, model, 1) { Contributors = [Id("anna")] };
        byte[] whole = Bytes(contributors), without = Bytes(contributors with { Contributors = [] });
        byte[] cut = [.. whole[..without.Length]];
        BitConverter.TryWriteBytes(cut.AsSpan(3), without.Length - 7);
        Assert.Equal(without, cut);
        Assert.Equal(contributors with { Contributors = [] }, CommandCodec.Decode(cut));
    }

    /// <summary>What a newer build would write if it ignored the cluster's level.</summary>
    [Fact]
    public void A_field_that_this_build_does_not_know_is_refused()
    {
        foreach (byte[] bytes in OneOfEachKind.Select(Bytes))
        {
            byte[] more = [.. bytes, .. new byte[100], 1];
            BitConverter.TryWriteBytes(more.AsSpan(3), more.Length - 7);
            Assert.Throws<InvalidDataException>(() => CommandCodec.Decode(more));
        }
    }

    [Fact]
    public void Any_changed_byte_gives_a_refusal_or_the_one_command_with_these_bytes()
    {
        foreach (byte[] bytes in OneOfEachKind.Select(Bytes))
            for (int at = 0; at < bytes.Length; at++)
                for (int value = 0; value < 256; value++)
                {
                    byte[] changed = [.. bytes];
                    changed[at] = (byte)value;
                    Command command;
                    try
                    {
                        command = CommandCodec.Decode(changed);
                    }
                    catch (Exception e) when (e is InvalidDataException or UnsupportedFormatException)
                    {
                        continue;
                    }
                    Assert.Equal(changed, Bytes(command));
                }
    }

    [Fact]
    public void More_bytes_than_a_command_may_have_are_refused_before_they_are_read()
    {
        var error = Assert.Throws<InvalidDataException>(() => CommandCodec.Decode(new byte[Limits.CommandBytes + 1]));
        Assert.Equal("The encoded fact holds 73729 instead of at most 73728 bytes.", error.Message);
    }

    [Fact]
    public void The_longest_plan_and_the_longest_reason_are_accepted()
    {
        string plan = new('€', Limits.PlanChars), reason = new('€', Limits.ReasonChars);
        Command[] commands =
            [new OpenRun(Digits, Rules(), plan, 1), new EndRun(Digits, false, reason, 1), LargestModel];
        Assert.All(commands, c => Assert.Equal(c, CommandCodec.Decode(Bytes(c))));
    }

    private static PublishModel LargestModel => new(Digits, 1, new BlobRef(Hash, 1), 1)
    {
        Contributors = [.. Enumerable.Range(0, Limits.Contributors).Select(i => Id($"{i:D63}"))],
        Metrics = Metrics.Of(
            [.. Enumerable.Range(0, Metrics.CountMax).Select(i => ($"{i:D63}", (double)i))]),
        Unscored = new('€', Limits.ReasonChars), Actor = new('€', Limits.ActorChars),
    };

    private static readonly Dictionary<string, Command> Unreadable = new()
    {
        ["a long plan"] = new OpenRun(Digits, Rules(), new string('x', Limits.PlanChars + 1), 1),
        ["a long reason to end"] = new EndRun(Digits, true, new string('x', Limits.ReasonChars + 1), 1),
        ["a model with a long reason"] = new PublishModel(Digits, 1, new BlobRef(Hash, 1), 1)
        {
            Unscored = new string('x', Limits.ReasonChars + 1),
        },
        ["a model with an empty memory"] = new PublishModel(Digits, 1, new BlobRef(Hash, 1), 1)
        {
            Memory = new BlobRef(Hash, 0),
        },
        ["a model with contributors out of order"] = new PublishModel(Digits, 1, new BlobRef(Hash, 1), 1)
        {
            Contributors = [Id("bert"), Id("anna")],
        },
        ["a long reason for no score"] = new RecordScore(
            Digits, 1, Metrics.None, new string('x', Limits.ReasonChars + 1), 1),
        ["a long actor"] = new CloseRound(Digits, 1, 1) { Actor = new string('x', Limits.ActorChars + 1) },
        ["no cluster id"] = new NameCluster(default, 1),
        ["no run"] = new CloseRound(default, 1, 1),
        ["a leave without a trainer"] = new Leave(Digits, default, 1, 1),
        ["a join without a trainer"] = new Join(Digits, default, 1, 0, 1, 1),
        ["an update without a trainer"] = new AcceptUpdate(Digits, 1, default, Hash, 1, 1, Metrics.None, 1),
    };

    public static TheoryData<string> UnreadableNames => new(Unreadable.Keys);

    /// <summary>Such a command would stop every replica for good, so its proposer must fail instead.</summary>
    [Theory]
    [MemberData(nameof(UnreadableNames))]
    public void A_command_that_could_not_be_decoded_is_not_encoded(string what) =>
        Assert.Throws<ArgumentException>(() => Bytes(Unreadable[what]));

    [Fact]
    public void A_text_that_was_cut_inside_a_character_is_still_readable()
    {
        var command = new EndRun(Digits, true, "🙂"[..1], 1);
        Assert.Equal(command with { Reason = "\ufffd" }, CommandCodec.Decode(Bytes(command)));
    }
}
