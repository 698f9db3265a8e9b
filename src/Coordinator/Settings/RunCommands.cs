using Quorate.Aggregation;
using Quorate.Rounds;
using Quorate.Shared.Runs;

namespace Quorate.Coordinator.Settings;

/// <summary>What the coordinators read from a run file.</summary>
internal static class RunCommands
{
    /// <summary>The fact that opens the run that a file describes.</summary>
    /// <exception cref="RunFileException">The section <c>aggregation</c> is wrong.</exception>
    public static Command.OpenRun ToCommand(this RunFile file, TimeProvider time)
    {
        file.ReadAggregation();
        return new(file.Name, file.Rules, file.Json, time.GetUtcNow().ToUnixTimeMilliseconds());
    }

    /// <summary>How the run's models are computed.</summary>
    /// <exception cref="RunFileException">The section <c>aggregation</c> is wrong.</exception>
    public static AggregationPlan ReadAggregation(this RunFile file)
    {
        if (file.Aggregation is null && file.Rules.MaxShare == 1) return AggregationPlan.Mean;
        var section = file.Aggregation ?? new AggregationSection("mean", new Dictionary<string, double>(), []);
        var check = AggregationPlan.Create(
            section.Strategy, section.Parameters, section.Keys.Select(key => (key.Pattern, key.Rule)),
            file.Rules.MinResults, out var plan, file.Rules.MaxShare);
        return check.IsRefused(out string? reason) ? throw new RunFileException($"Run {file.Name}", [reason]) : plan!;
    }

    /// <summary>How the run's models are computed. Checked when the run opened.</summary>
    public static AggregationPlan ReadAggregation(this Run run) => RunFile.Parse(run.Plan).ReadAggregation();
}
