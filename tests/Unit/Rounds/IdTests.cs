using Quorate.Rounds;

namespace Quorate.Unit.Rounds;

/// <summary>Names and hashes parse strictly, or say why not.</summary>
public sealed class IdTests
{
    [Theory]
    [InlineData("0")]
    [InlineData("a.b_c-d")]
    [InlineData("9-")]
    public void A_name_is_read_and_written_the_same(string text)
    {
        Assert.Equal(text, TrainerId.Parse(text).ToString());
        Assert.Equal(text, RunId.Parse(text).ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("-a")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("ä")]
    [InlineData("a\n")]
    [InlineData("\u0661")]
    public void An_invalid_name_is_refused(string? text)
    {
        Assert.False(TrainerId.TryParse(text, out _));
        Assert.False(RunId.TryParse(text, out _));
    }

    [Fact]
    public void A_name_has_63_characters_at_most()
    {
        Assert.True(TrainerId.TryParse(new string('a', 63), out _));
        Assert.False(TrainerId.TryParse(new string('a', 64), out _));
    }

    [Fact]
    public void Only_trainers_have_upper_case()
    {
        Assert.True(TrainerId.TryParse("Anna", out _));
        Assert.False(RunId.TryParse("Mnist", out _));
    }

    [Fact]
    public void A_refusal_shows_the_name_without_its_control_characters()
    {
        var trainer = Assert.Throws<FormatException>(() => TrainerId.Parse("a\u001b[2J"));
        Assert.StartsWith("'a?[2J' is not a trainer id: use 1 to 63 of A-Z a-z 0-9 . _ -", trainer.Message,
            StringComparison.Ordinal);
        var run = Assert.Throws<FormatException>(() => RunId.Parse(new string('A', 1000)));
        Assert.StartsWith($"'{new string('A', 80)}…' is not a run name:", run.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_hash_of_a_content_is_its_SHA_256()
    {
        const string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-4, "abc"
        var hash = BlobHash.Of("abc"u8);
        Assert.Equal(abc, hash.ToString());
        Assert.Equal(abc[..12], hash.Short);
        Assert.True(BlobHash.TryParse(abc, out var read));
        Assert.Equal(hash, read);
        Assert.Equal(hash, BlobHash.FromBytes(hash.ToArray()));
        Assert.Equal(abc, Convert.ToHexStringLower(hash.ToArray()));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a")]
    [InlineData("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")]
    [InlineData("ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("../816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    public void An_invalid_hash_is_refused(string? text) => Assert.False(BlobHash.TryParse(text, out _));
}
