using System.Collections.Concurrent;

namespace Quorate.ChaosTests;

/// <summary>The final models of runs without faults, by the same programs; each run is executed once.</summary>
internal static class Undisturbed
{
    private static readonly ConcurrentDictionary<ChaosRun, Task<string>> _models = new();

    public static Task<string> FinalModelAsync(ChaosRun run) => _models.GetOrAdd(run, RunAsync);

    private static async Task<string> RunAsync(ChaosRun run)
    {
        await using var cluster = await ChaosCluster.StartAsync(run, TimeSpan.FromMilliseconds(20));
        var ended = await cluster.WhenFinishedAsync();
        string model = History.Of(ended[0]).FinalModel;
        var outcome = await Outcome.OfAsync(cluster, model);
        if (!outcome.Holds) throw new InvalidOperationException($"The run without faults failed: {outcome}");
        cluster.Passed();
        return model;
    }
}
