using System.Globalization;
using Quorate.Aggregation;
using Quorate.Unit.Pt;

namespace Quorate.Unit.Aggregation;

public sealed class StrategyDocumentTests
{
    [Fact]
    public void The_document_has_every_strategy_with_its_parameters_ranges_and_defaults()
    {
        string fixtures = Path.GetDirectoryName(PtFixtures.PathOf("net.pt"))!;
        string[] lines = File.ReadAllLines(Path.Combine(fixtures, "../../../docs/AGGREGATION.md"));
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
}
