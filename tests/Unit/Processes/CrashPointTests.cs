using System.Text.RegularExpressions;
using Quorate.Shared.Processes;
using Quorate.Unit.Tidy;

namespace Quorate.Unit.Processes;

/// <summary>What a crash point may be called. That it kills is seen where real processes die (chaos-tests).</summary>
public sealed partial class CrashPointTests
{
    [Fact]
    public void Every_point_that_the_code_passes_has_a_name_and_every_name_is_passed_somewhere()
    {
        var passed = SourceFile.All(".cs").Where(file => file.IsUnder("src")).SelectMany(file => file.Code)
            .SelectMany(line => Passage().Matches(line)).Select(match => match.Groups[1].Value);
        Assert.Equal(CrashPoint.Names.Order(), passed.Distinct().Order());
    }

    [Theory]
    [InlineData("blob-renamd", "there is no crash point 'blob-renamd'; there are part-sent, ")]
    [InlineData("@leader", "there is no crash point ''")]
    [InlineData("blob-renamed@king", "NAME@leader or NAME@follower")]
    [InlineData("blob-renamed@leader@follower", "not 'blob-renamed@leader@follower'")]
    [InlineData("blob-renamed:0", "not 'blob-renamed:0'")]
    [InlineData("blob-renamed:-1", ":HIT (1 to 1000000)")]
    [InlineData("blob-renamed:99999999999", ":HIT (1 to 1000000)")]
    [InlineData("blob-renamed:1:2", "not 'blob-renamed:1:2'")]
    public void A_setting_that_names_no_point_is_refused_with_those_that_exist(string setting, string sentence)
    {
        Assert.False(CrashPoint.TryArm(setting, out string? flaw));
        Assert.Contains(sentence, flaw, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Nothing_is_armed_by_default(string? setting)
    {
        Assert.True(CrashPoint.TryArm(setting, out _));
        foreach (string name in CrashPoint.Names) CrashPoint.Pass(name); // This process would be gone.
    }

    [GeneratedRegex("""CrashPoint\.Pass\("([^"]*)"\)""")]
    private static partial Regex Passage();
}
