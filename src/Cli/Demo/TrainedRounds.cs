using System.Globalization;
using System.Text.RegularExpressions;

namespace Quorate.Cli.Demo;

/// <summary>
/// What the trainers' logs say was trained. A trainer writes one line for each local training that it finished.
/// </summary>
internal static partial class TrainedRounds
{
    /// <summary>Rounds that one trainer's log lists more than once.</summary>
    public static IReadOnlySet<int> Twice(IEnumerable<string> log) => log
        .Select(line => Trained().Match(line))
        .Where(match => match.Success)
        .GroupBy(match => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))
        .Where(round => round.Count() > 1)
        .Select(round => round.Key)
        .ToHashSet();

    [GeneratedRegex(@"trained round (\d{1,9})\b")]
    private static partial Regex Trained();
}
