using System.Globalization;
using Quorate.Aggregation;
using Quorate.Coordinator.Settings;
using Quorate.Shared.Runs;
using Quorate.Unit.Pt;

namespace Quorate.Unit.Aggregation;

public sealed class StrategyDocumentTests
{
    [Fact]
    public void The_document_has_every_strategy_with_its_parameters_ranges_and_defaults()
    {
        string[] lines = File.ReadAllLines(PtFixtures.PathOf("../../../docs/AGGREGATION.md"));
        foreach (var strategy in Strategies.All)
        {
            string row = Assert.Single(
                lines, line => line.StartsWith($"| `{strategy.Name}` |", StringComparison.Ordinal));
            foreach (var parameter in strategy.Parameters)
            {
                string text = string.Create(
                    CultureInfo.InvariantCulture,
                    $"`{parameter.Name}` ({parameter.Min} to {parameter.Max}, {parameter.Default})");
                Assert.Contains(text, row, StringComparison.Ordinal);
            }
        }
    }
    [Fact]
    public void Every_run_file_of_the_repository_is_right_and_every_strategy_has_one()
    {
        var runs = Directory.GetFiles(PtFixtures.PathOf("../../../config/runs"), "*.json")
            .ToDictionary(path => Path.GetFileNameWithoutExtension(path), path => RunFile.Load(path));
        Assert.All(runs, run => Assert.Equal(run.Key, run.Value.Name.ToString()));
        Assert.Equal(
            Strategies.All.Select(strategy => strategy.Name).Order(),
            runs.Values.Select(run => run.ReadAggregation().Strategy).Distinct().Order());
    }
}
