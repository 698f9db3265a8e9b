using System.Collections.Concurrent;

namespace Quorate.Chaos.Harness;

/// <summary>The final model of a run that nobody disturbed, by the same programs; made once for each run.</summary>
internal static class Undisturbed
{
    private static readonly ConcurrentDictionary<ChaosRun, Task<string>> _models = new();

    public static Task<string> FinalModelAsync(ChaosRun run) => _models.GetOrAdd(run, RunAsync);

    private static async Task<string> RunAsync(ChaosRun run)
    {
        await using var cluster = await ChaosCluster.StartAsync(run, TimeSpan.FromMilliseconds(20));
        var ended = await cluster.WhenFinishedAsync();
        string model = History.Of(ended[0]).FinalModel;
        await cluster.AssertIntactAsync(model);
        return model;
    }
}
