using System.Collections.Concurrent;
using Quorate.Chaos.Checking;
using Quorate.Chaos.Processes;

namespace Quorate.Chaos.Training;

/// <summary>The final model of a run that nobody disturbed, by the same programs; made once for each run.</summary>
public static class Undisturbed
{
    private static readonly ConcurrentDictionary<ChaosRun, Task<string>> _models = new();

    public static Task<string> FinalModelAsync(ChaosRun run) => _models.GetOrAdd(run, RunAsync);

    private static async Task<string> RunAsync(ChaosRun run)
    {
        await using var cluster = await ChaosCluster.StartAsync(run, TimeSpan.FromMilliseconds(20));
        var ended = await cluster.WhenFinishedAsync();
        string model = History.Of(ended[0]).FinalModel;
        var outcome = await Outcome.OfAsync(cluster, model);
        if (!outcome.Holds) throw new InvalidOperationException($"Undisturbed, and yet: {outcome}");
        cluster.Passed();
        return model;
    }
}
