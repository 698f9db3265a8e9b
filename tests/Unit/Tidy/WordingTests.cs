using System.CommandLine;
using System.Text.RegularExpressions;
using Quorate.Cli.Commands;

namespace Quorate.Unit.Tidy;

/// <summary>
/// What the programs say is correct English. Most sentences never appear in a test, so these tests read the sources.
/// </summary>
public sealed partial class WordingTests
{
    /// <summary>
    /// A count of one needs "1 trainer": use PlainText.Count. Constants and sizes after "of", "at most" and the like
    /// are never one. Pt references no other project, and its numbers are sizes far above one.
    /// </summary>
    [Fact]
    public void No_count_stands_before_a_plural_that_one_does_not_fit() =>
        None(from text in Texts() where !text.Path.StartsWith("src/Pt/", StringComparison.Ordinal)
             from Match match in CountAndPlural().Matches(text.Text)
             where !NeverOne().IsMatch(match.Groups["count"].Value) && !match.Groups["bound"].Success
             select (text.Path, match.Value));

    /// <summary>"is no X" is not how a native speaker refuses a thing, except in "there is no X".</summary>
    [Fact]
    public void What_is_refused_is_not_a_thing_rather_than_no_thing() =>
        None(from text in Texts() from Match match in IsNo().Matches(text.Text) select (text.Path, match.Value));

    [Fact]
    public void No_sentence_names_a_type_of_the_runtime_or_leaves_the_plural_to_the_reader() =>
        None(from text in Texts() from Match match in TypeOrOpenPlural().Matches(text.Text)
             select (text.Path, match.Value));

    /// <summary>System.CommandLine's own sentence names System.Nullable and other types.</summary>
    [Fact]
    public void A_word_where_a_number_belongs_is_refused_by_every_option_in_plain_English()
    {
        var root = QuorateCommand.Build();
        int tried = 0;
        foreach (var (path, command) in Commands(root, []))
            foreach (var option in command.Options)
                foreach (var error in root.Parse([.. path, option.Name, "x"]).Errors)
                {
                    tried++;
                    Assert.DoesNotContain("System.", error.Message, StringComparison.Ordinal);
                }
        Assert.True(tried > 10, "no option refused a word");
    }

    private static IEnumerable<(string[] Path, Command Command)> Commands(Command command, string[] path) =>
        command.Subcommands.SelectMany(sub => Commands(sub, [.. path, sub.Name])).Prepend((path, command));

    /// <summary>The texts of src. Texts that are joined by a plus sign are one text.</summary>
    private static IEnumerable<(string Path, string Text)> Texts() =>
        from file in SourceFile.All(".cs").Where(file => file.IsUnder("src"))
        let code = Joint().Replace(string.Join('\n', file.Code), "")
        from Match match in Literal().Matches(code)
        select (file.Path, match.Value);

    private static void None(IEnumerable<(string Path, string Found)> found)
    {
        string[] list = [.. found.Select(one => $"{one.Path}: {one.Found}")];
        if (list.Length > 0) Assert.Fail($"{list.Length} sentences:\n{string.Join('\n', list)}");
    }

    /// <summary>A text in quotation marks; those inside an interpolation's braces belong to it.</summary>
    [GeneratedRegex(@"\$?""(?:[^""\\{\n]|\\.|\{\{|\{(?:[^{}""\n]|""[^""\n]*"")*\})*""")]
    private static partial Regex Literal();

    [GeneratedRegex(@"""\s*\+\s*\$?""")]
    private static partial Regex Joint();

    [GeneratedRegex(
        @"(?<bound>\b(?:of|of the|at least|at most|more than|longer than|over|up to|instead of)\s+)?"
        + @"\{(?<count>[^{}""]+)\}\s+(?:more\s+)?(?:trainers|rounds|updates|nodes|bytes|examples|models|runs|errors|"
        + @"lines|keys|tensors|entries|connections|coordinators|violations|cycles|images|shards|times|disks|peers|"
        + @"files|characters|dimensions|elements|levels|items|labels|seconds|blobs|copies|numbers|objects|"
        + @"parts|attempts)\b")]
    private static partial Regex CountAndPlural();

    [GeneratedRegex(@"(?:Max|Min|Kept|Size|Times|PerSecond)$|Limits\.")]
    private static partial Regex NeverOne();

    [GeneratedRegex(@"(?<![Tt]here )\b(?:is|are) no (?!longer\b|more\b)\w+")]
    private static partial Regex IsNo();

    [GeneratedRegex(@"(?<!Provider\.)\bSystem\.[A-Z]\w+|\w\(s\)|\(0 more")]
    private static partial Regex TypeOrOpenPlural();
}
