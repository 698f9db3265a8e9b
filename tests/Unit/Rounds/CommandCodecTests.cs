using Quorate.Rounds;
using static Quorate.Rounds.Command;
using static Quorate.Unit.Rounds.Scene;

namespace Quorate.Unit.Rounds;

/// <summary>Commands as bytes: the format to the byte, and what is refused on either side.</summary>
public sealed class CommandCodecTests
{
    private static readonly BlobHash Hash = BlobHash.FromBytes([.. Enumerable.Range(0xa0, 32).Select(i => (byte)i)]);

    private static readonly Command[] OneOfEachKind =
    [
        new OpenRun(Digits, Rules(), "{\"ü\":1}", 1),
        new Join(Digits, Id("anna"), 0x1122334455667788, 2, 100, 1),
        new Leave(Digits, Id("anna"), 3, 1),
        new AcceptUpdate(Digits, 4, Id("anna"), Hash, 5, 6, 0.5, 1),
        new CloseRound(Digits, 4, 1),
        new PublishModel(Digits, 4, Hash, 5, "", 1),
        new RecordScore(Digits, 4, new Score(0.5, 0.25, 2000), "", 1),
        new EndRun(Digits, true, "why", 1),
        new RecordScore(Digits, 4, null, "no data", 1),
        new PublishModel(Digits, 4, Hash, 5, "no data", 1),
    ];

    /// <summary>
    /// The bytes of <see cref="OneOfEachKind"/>. They stand in logs on disk: if this test fails, the change needs a new
    /// kind or a new version, not new bytes here.
    /// </summary>
    private static readonly string[] Golden =
    [
        "010106000000646967697473010000000000000003000000020000000100000000bca0650100000000a3e111000000000200" +
        "000002000000080000007b22c3bc223a317d",
        "010206000000646967697473010000000000000004000000616e6e6188776655443322110200000000000000640000000000" +
        "0000",
        "010306000000646967697473010000000000000004000000616e6e610300000000000000",
        "01040600000064696769747301000000000000000400000004000000616e6e61a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1" +
        "b2b3b4b5b6b7b8b9babbbcbdbebf05000000000000000600000000000000000000000000e03f",
        "010506000000646967697473010000000000000004000000",
        "010606000000646967697473010000000000000004000000a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9" +
        "babbbcbdbebf0500000000000000",
        "01070600000064696769747301000000000000000400000001000000000000e03f000000000000d03fd007000000000000",
        "01080600000064696769747301000000000000000103000000776879",
        "01070600000064696769747301000000000000000400000000070000006e6f2064617461",
        "010906000000646967697473010000000000000004000000a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9" +
        "babbbcbdbebf0500000000000000070000006e6f2064617461",
    ];

    [Fact]
    public void The_format_of_every_kind_is_the_one_on_disk() =>
        Assert.Equal(Golden, OneOfEachKind.Select(c => Convert.ToHexStringLower(CommandCodec.Encode(c))));

    [Fact]
    public void Every_kind_of_command_is_among_them() =>
        Assert.Equal(
            typeof(Command).GetNestedTypes().Select(t => t.Name).Order(),
            OneOfEachKind.Select(c => c.GetType().Name).Distinct().Order());

    [Fact]
    public void Every_kind_is_read_back_the_same() =>
        Assert.All(OneOfEachKind, c => Assert.Equal(c, CommandCodec.Decode(CommandCodec.Encode(c))));

    [Fact]
    public void Every_prefix_of_a_command_and_a_command_with_a_byte_more_are_refused()
    {
        foreach (byte[] bytes in OneOfEachKind.Select(CommandCodec.Encode))
        {
            for (int length = 0; length < bytes.Length; length++)
                Assert.Throws<InvalidDataException>(() => CommandCodec.Decode(bytes.AsSpan(0, length)));
            Assert.Throws<InvalidDataException>(() => CommandCodec.Decode([.. bytes, 0]));
        }
    }

    [Theory]
    [InlineData("02", "version 2; this program knows 1")]
    [InlineData("010a0600000064696769747300000000000000000", "a command of the unknown kind 10")]
    [InlineData("0105ffffffff", "a text of -1 bytes where 0 are left")]
    [InlineData("0105ffffff7f", "a text of 2147483647 bytes where 0 are left")]
    [InlineData("010501000000ff", "a text that is no UTF-8")]
    [InlineData("010502000000c080", "a text that is no UTF-8")]
    [InlineData("01050100000041", "an invalid run name")]
    [InlineData("010500000000", "an invalid run name")]
    [InlineData("0105", "0 bytes where 4 are due")]
    [InlineData("01080100000061000000000000000002", "a truth value of 2")]
    public void What_is_no_command_is_refused_with_what_is_wrong(string hex, string what)
    {
        byte[] bytes = Convert.FromHexString(hex[..(hex.Length / 2 * 2)]);
        var error = Assert.Throws<InvalidDataException>(() => CommandCodec.Decode(bytes));
        Assert.Equal($"The encoded fact holds {what}.", error.Message);
    }

    [Fact]
    public void A_model_without_a_reason_has_one_encoding_alone()
    {
        byte[] bytes = CommandCodec.Encode(new PublishModel(Digits, 4, Hash, 5, "?", 1));
        bytes = [.. bytes[..^5], 0, 0, 0, 0];
        var error = Assert.Throws<InvalidDataException>(() => CommandCodec.Decode(bytes));
        Assert.Equal("The encoded fact holds an empty reason, which has a kind of its own.", error.Message);
    }

    [Fact]
    public void More_bytes_than_a_command_may_have_are_refused_before_they_are_read()
    {
        var error = Assert.Throws<InvalidDataException>(() => CommandCodec.Decode(new byte[Limits.CommandBytes + 1]));
        Assert.Equal("The encoded fact holds 69633 bytes, 69632 allowed.", error.Message);
    }

    [Fact]
    public void A_plan_and_a_reason_of_the_longest_kind_pass()
    {
        string plan = new('€', Limits.PlanChars), reason = new('€', Limits.ReasonChars);
        Command[] commands = [new OpenRun(Digits, Rules(), plan, 1), new EndRun(Digits, false, reason, 1)];
        Assert.All(commands, c => Assert.Equal(c, CommandCodec.Decode(CommandCodec.Encode(c))));
    }

    private static readonly Dictionary<string, Command> Unreadable = new()
    {
        ["a long plan"] = new OpenRun(Digits, Rules(), new string('x', Limits.PlanChars + 1), 1),
        ["a long reason to end"] = new EndRun(Digits, true, new string('x', Limits.ReasonChars + 1), 1),
        ["a model with a long reason"] = new PublishModel(
            Digits, 1, Hash, 1, new string('x', Limits.ReasonChars + 1), 1),
        ["a long reason for no score"] = new RecordScore(Digits, 1, null, new string('x', Limits.ReasonChars + 1), 1),
        ["no run"] = new CloseRound(default, 1, 1),
        ["nobody leaves"] = new Leave(Digits, default, 1, 1),
        ["nobody joins"] = new Join(Digits, default, 1, 0, 1, 1),
        ["nobody's update"] = new AcceptUpdate(Digits, 1, default, Hash, 1, 1, 0, 1),
    };

    public static TheoryData<string> UnreadableNames => new(Unreadable.Keys);

    /// <summary>Such a command in the log would stop every replica for good; its proposer must fail instead.</summary>
    [Theory]
    [MemberData(nameof(UnreadableNames))]
    public void What_could_not_be_decoded_is_not_encoded(string what) =>
        Assert.Throws<ArgumentException>(() => CommandCodec.Encode(Unreadable[what]));

    [Fact]
    public void A_text_that_was_cut_inside_a_character_is_still_readable()
    {
        var command = new EndRun(Digits, true, "🙂"[..1], 1);
        Assert.Equal(command with { Reason = "\ufffd" }, CommandCodec.Decode(CommandCodec.Encode(command)));
    }
}
