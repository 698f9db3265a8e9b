using System.Text.Json;
using Quorate.Chaos.Checking;
using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;

namespace Quorate.Chaos.Campaigns;

/// <summary>
/// Two builds in one cluster under load. In each cycle, the coordinators are replaced one at a time by the new build,
/// and then one at a time by the old build again, while synthetic trainers train.
/// </summary>
/// <param name="old">The folder with the programs of the old build.</param>
public sealed class MixedVersions(string old, int cycles, Action<string> say)
{
    /// <summary>Short training and small models, so that every replacement happens in the middle of a round.</summary>
    private static readonly ChaosRun _run = new()
    {
        Name = "mixed", Rounds = Quorate.Rounds.Limits.Rounds, Trainers = 5, Elements = 1000, KeepUpdateRounds = 2,
        KeepModels = 2,
    };

    private readonly List<string> _forks = [];

    /// <exception cref="ProgramEndedException">A coordinator of either build ended by itself.</exception>
    /// <exception cref="TimeoutException">The cluster made no progress.</exception>
    public async Task<MixedReport> RunAsync(CancellationToken token)
    {
        await using var cluster = await ChaosCluster.StartBuildAsync(old, _run, TimeSpan.FromMilliseconds(50));
        await cluster.NextSafeAsync(TimeProvider.System.GetTimestamp(), token: token);
        for (int cycle = 1; cycle <= cycles; cycle++)
        {
            foreach (string build in (string[])[ProgramProcess.Programs, old])
                for (int node = 0; node < ChaosCluster.Nodes; node++) await ReplaceAsync(cluster, node, build, token);
            say($"cycle {cycle} of {cycles}: all coordinators upgraded and downgraded");
        }
        var ended = await cluster.WhenAsync(_ => true, "the run", patience: null, token);
        await Task.WhenAll(cluster.Trainers.Select(trainer => trainer.DisposeAsync().AsTask()));
        var records = cluster.Trainers.Select(trainer => trainer.Record).ToList();
        int failed = ended.Trail.Count(model => model.Round > 0 && model.Contributors != _run.Trainers);
        var report = new MixedReport(
            cycles, ended.Trail.Count - 1, failed + records.Sum(record => record.Odd.Count),
            HistoryChecker.Retrained(records).Count, _forks.Count == 0 && cluster.Observer.Violations.IsEmpty);
        foreach (string fork in _forks.Concat(cluster.Observer.Violations).Take(20)) say($"VIOLATION: {fork}");
        if (report.Passed) cluster.Passed();
        else say($"data and logs are in {cluster.Root}");
        return report;
    }

    /// <summary>Replaces one coordinator, waits until it has caught up, and compares all histories.</summary>
    private async Task ReplaceAsync(ChaosCluster cluster, int node, string build, CancellationToken token)
    {
        int code = await cluster.ReplaceAsync(node, build);
        if (code != 0) throw new ProgramEndedException($"Node {node} ended with exit code {code} after SIGTERM.");
        await cluster.WhenCaughtUpAsync(token);
        await cluster.NextSafeAsync(TimeProvider.System.GetTimestamp(), token: token);
        var chains = await Task.WhenAll(Enumerable.Range(0, ChaosCluster.Nodes).Select(cluster.ChainAsync));
        _forks.AddRange(DurabilityChecker.Diverged(chains));
    }
}

/// <summary>The result of <see cref="MixedVersions"/>. The names in its JSON are a contract with scripts.</summary>
/// <param name="Rounds">Rounds published in all.</param>
/// <param name="FailedRounds">Rounds without the updates of all trainers, and updates that were refused.</param>
/// <param name="UpdatesRetrained">Updates that a trainer trained more than once.</param>
/// <param name="HistoriesEqual">All nodes had equal chain hashes after every replacement.</param>
public sealed record MixedReport(
    int Cycles, int Rounds, int FailedRounds, int UpdatesRetrained, bool HistoriesEqual)
{
    /// <summary>Whether nothing went wrong, and enough rounds were published to prove it.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool Passed => this is { FailedRounds: 0, UpdatesRetrained: 0, HistoriesEqual: true } && Rounds >= Cycles;

    public string ToJson() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);
}
