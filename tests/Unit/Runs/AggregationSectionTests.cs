using Quorate.Shared.Runs;

namespace Quorate.Unit.Runs;

public sealed class AggregationSectionTests
{
    [Fact]
    public void Every_key_is_read_and_written_in_one_order()
    {
        var run = Parse("""
            { "strategy": "krum", "parameters": { "keep": 3, "byzantine": 1 },
              "keys": [ { "pattern": "head.*", "rule": "local" }, { "rule": "max", "pattern": "*.counter" } ] }
            """);
        Assert.Equal("krum", run.Aggregation!.Strategy);
        Assert.Equal(3, run.Aggregation.Parameters["keep"]);
        Assert.Equal(
            [new KeyPattern("head.*", "local"), new KeyPattern("*.counter", "max")], run.Aggregation.Keys);
        const string Section = """
            "aggregation":{"strategy":"krum","parameters":{"byzantine":1,"keep":3},
            "keys":[{"pattern":"head.*","rule":"local"},{"pattern":"*.counter","rule":"max"}]}}
            """;
        Assert.EndsWith(Section.ReplaceLineEndings(""), run.Json, StringComparison.Ordinal);
        Assert.Equal(run.Json, RunFile.Parse(run.Json).Json);
    }

    [Fact]
    public void Without_the_section_the_text_has_none()
    {
        var run = RunFile.Parse("""{ "name": "a", "rounds": 1, "minTrainers": 1, "seed": 1 }""");
        Assert.Null(run.Aggregation);
        Assert.DoesNotContain("aggregation", run.Json, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_section_is_the_mean()
    {
        var section = Parse("{}").Aggregation!;
        Assert.Equal("mean", section.Strategy);
        Assert.Empty(section.Parameters);
        Assert.Empty(section.Keys);
    }

    [Theory]
    [InlineData("""{ "strategy": 1 }""", "aggregation.strategy must be a strategy's name")]
    [InlineData("""{ "parameters": { "keep": "3" } }""", "aggregation.parameters.keep must be a number, and is \"3\".")]
    [InlineData("""{ "parameters": [] }""", "aggregation.parameters must be an object of up to 32 numbers")]
    [InlineData("""{ "keys": {} }""", "aggregation.keys must be an array of up to 64 objects")]
    [InlineData("""{ "keys": [ 1 ] }""", "aggregation.keys must be an array of up to 64 objects")]
    [InlineData("""{ "keys": [ { "rule": "max" } ] }""", "aggregation.keys[0].pattern is missing")]
    [InlineData("""{ "keys": [ { "pattern": "", "rule": "max" } ] }""", "aggregation.keys[0].pattern must be a")]
    [InlineData("""{ "key": 1 }""", "aggregation.key is not a key of a run file")]
    public void A_wrong_section_is_refused_with_its_key(string section, string sentence) =>
        Assert.Contains(
            sentence, Assert.Throws<RunFileException>(() => Parse(section)).Message, StringComparison.Ordinal);

    private static RunFile Parse(string section) => RunFile.Parse(
        $$"""{ "name": "a", "rounds": 1, "minTrainers": 9, "seed": 1, "aggregation": {{section}} }""");
}
