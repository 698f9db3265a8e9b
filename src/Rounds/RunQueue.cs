using static Quorate.Rounds.Command;

namespace Quorate.Rounds;

/// <summary>
/// Opens runs and decides which of them are active. A run that finds no free place is queued; the oldest queued run
/// starts in the same step in which a place becomes free.
/// </summary>
internal static class RunQueue
{
    public static (ClusterState, Outcome) Open(ClusterState state, OpenRun open)
    {
        if (state.Find(open.Run) is { } known)
            return (state, known.Plan == open.Plan && known.Rules == open.Rules && known.Parent == open.Parent
                ? Outcome.Duplicate($"Run '{open.Run}' {StageOf(known)} already.")
                : Outcome.Rejected($"There is another run '{open.Run}': choose a new name."));
        if (open.Rules.Errors() is [var error, ..]) return (state, Outcome.Rejected(error));

        var run = new Run
        {
            Id = open.Run, Rules = open.Rules, Plan = open.Plan, OpenedAt = open.At, Stage = new Stage.Queued(),
            Trail = Trail.RankedBy(open.Rules.ScoreMetric), Parent = open.Parent,
        };
        if (open.Parent is { } parent)
        {
            if (state.Find(parent.Run)?.KeptModels.FirstOrDefault(model => model.Round == parent.Round) is not { } from)
                return (state, Outcome.Rejected(
                    $"Run '{parent.Run}' has no model of round {parent.Round} (any more)."));
            // The run keeps the model from now on, however long it is queued and whatever becomes of its parent.
            var initial = new PublishedModel(0, from.Blob, from.Length, 0, 0, [], 0, open.At)
            {
                Memory = parent.FreshMemory ? null : from.Memory,
            };
            run = run with { Trail = run.Trail.Add(initial) };
        }
        var kept = state.Runs;
        if (kept.Count >= Limits.Runs)
        {
            int oldest = kept.FindIndex(old => old.Ended);
            if (oldest < 0)
                return (state, Outcome.Rejected(
                    $"All {Limits.Runs} runs that a cluster can hold are active or queued: stop one, or wait until one "
                    + "ends."));
            kept = kept.RemoveAt(oldest);
        }
        return (StartQueued(state with { Runs = kept.Add(run) }), Outcome.Accepted);
    }

    public static (ClusterState, Outcome) Limit(ClusterState state, LimitActiveRuns limit)
    {
        if (limit.Max is < 1 or > Limits.ActiveRuns)
            return (state, Outcome.Rejected(
                $"The limit of active runs must be 1 to {Limits.ActiveRuns}, not {limit.Max}."));
        return limit.Max == state.MaxActiveRuns
            ? (state, Outcome.Duplicate($"The limit of active runs is {limit.Max} already."))
            : (StartQueued(state with { MaxActiveRuns = limit.Max }), Outcome.Accepted);
    }

    /// <summary>Starts the oldest queued runs, as many as there are free places.</summary>
    public static ClusterState StartQueued(ClusterState state)
    {
        int free = Math.Max(0, state.MaxActiveRuns - state.ActiveRuns.Count());
        foreach (var run in state.Runs.Where(run => run.Stage is Stage.Queued).Take(free).ToList())
        {
            Stage stage = run.Model is null ? new Stage.Preparing() : new Stage.Waiting();
            state = state with { Runs = state.Runs.Replace(run, run with { Stage = stage }) };
        }
        return state;
    }

    private static string StageOf(Run run) => run.Ended ? "has ended" : run.IsActive ? "is open" : "is queued";
}
