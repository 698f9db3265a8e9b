using System.Text.Json;
using Quorate.Chaos.Checking;
using Quorate.Chaos.Processes;
using Quorate.Chaos.Training;
using Quorate.Shared.Protocol;

namespace Quorate.Chaos.Campaigns;

/// <summary>
/// Three builds in one cluster under load. In each cycle, the coordinators are replaced one at a time by this build,
/// and then one at a time by the old build again, while synthetic trainers train. Then they are replaced by a build of
/// the next feature level, the level rises, and the old build must refuse the data.
/// </summary>
/// <param name="old">The folder with the programs of the old build.</param>
/// <param name="next">The folder with those of the next feature level: the flavour level-2 of
/// chaos-tests/canaries.</param>
public sealed class MixedVersions(string old, string next, int cycles, Action<string> say)
{
    /// <summary>What the next level's build writes with a pause, once the level has risen.</summary>
    private const string Note = "A pause with a note of level 2.";

    /// <summary>What the old build logs about data of that level, and its exit code.</summary>
    private const string Refusal = "written at feature level 2; this build supports up to 1. Install a newer build.";
    private const int RefusalCode = 4;

    /// <summary>A level rises once all nodes have supported it for a minute, at the leader's next look.</summary>
    private static readonly TimeSpan _untilRaised = TimeSpan.FromSeconds(70);

    /// <summary>Short training and small models, so that every replacement happens in the middle of a round.</summary>
    private static readonly ChaosRun _run = new()
    {
        Name = "mixed", Rounds = Quorate.Rounds.Limits.Rounds, Trainers = 5, Elements = 1000, KeepUpdateRounds = 2,
        KeepModels = 2,
    };

    private readonly List<string> _violations = [];

    /// <exception cref="ProgramEndedException">A coordinator of any build ended by itself.</exception>
    /// <exception cref="TimeoutException">The cluster made no progress.</exception>
    public async Task<MixedReport> RunAsync(CancellationToken token)
    {
        // Frequent snapshots, so that each build also starts from those of the others.
        await using var cluster = await ChaosCluster.StartBuildAsync(
            old, _run, TimeSpan.FromMilliseconds(50), networkSeed: null, "--snapshot-every", "500");
        await cluster.NextSafeAsync(TimeProvider.System.GetTimestamp(), token: token);
        for (int cycle = 1; cycle <= cycles; cycle++)
        {
            foreach (string build in (string[])[ProgramProcess.Programs, old])
                for (int node = 0; node < ChaosCluster.Nodes; node++) await ReplaceAsync(cluster, node, build, token);
            say($"cycle {cycle} of {cycles}: all coordinators upgraded and downgraded");
        }
        bool raised = await RaiseAsync(cluster, token);
        bool refused = await IsRefusedAsync(cluster, token);
        var ended = await cluster.WhenAsync(_ => true, "the run", patience: null, token);
        await Task.WhenAll(cluster.Trainers.Select(trainer => trainer.DisposeAsync().AsTask()));
        var records = cluster.Trainers.Select(trainer => trainer.Record).ToList();
        int failed = ended.Trail.Count(model => model.Round > 0 && model.Contributors != _run.Trainers);
        var report = new MixedReport(
            cycles, ended.Trail.Count - 1, failed + records.Sum(record => record.Odd.Count),
            HistoryChecker.Retrained(records).Count, _violations.Count == 0 && cluster.Observer.Violations.IsEmpty,
            raised, refused);
        foreach (string fork in _violations.Concat(cluster.Observer.Violations).Take(20)) say($"VIOLATION: {fork}");
        if (report.Passed) cluster.Passed();
        else say($"data and logs are in {cluster.Root}");
        return report;
    }

    /// <summary>Replaces one coordinator, waits until it has caught up, and compares all histories.</summary>
    private async Task ReplaceAsync(ChaosCluster cluster, int node, string build, CancellationToken token)
    {
        int code = await cluster.ReplaceAsync(node, build);
        if (code != 0) throw new ProgramEndedException($"Node {node} ended with exit code {code} after SIGTERM.");
        await CompareAsync(cluster, token);
    }

    private async Task CompareAsync(ChaosCluster cluster, CancellationToken token)
    {
        await cluster.WhenCaughtUpAsync(token);
        await cluster.NextSafeAsync(TimeProvider.System.GetTimestamp(), token: token);
        var chains = await Task.WhenAll(Enumerable.Range(0, ChaosCluster.Nodes).Select(cluster.ChainAsync));
        _violations.AddRange(DurabilityChecker.Diverged(chains));
    }

    /// <summary>
    /// Upgrades to the next level's build. While an operator holds the level, it must stay; after that it must rise,
    /// and only then may facts have the new field.
    /// </summary>
    private async Task<bool> RaiseAsync(ChaosCluster cluster, CancellationToken token)
    {
        await cluster.AdministerAsync(
            (admin, options) => admin.HoldLevelAsync(new HoldLevelRequest { Held = true }, options), token);
        for (int node = 0; node < ChaosCluster.Nodes; node++) await ReplaceAsync(cluster, node, next, token);
        say("all coordinators have the build of level 2; the level is held");
        await Task.Delay(_untilRaised, TimeProvider.System, token);
        bool held = await LevelsAsync(cluster, token) is [1] && !(await PauseAsync(cluster, token)).Contains(Note);

        await cluster.AdministerAsync((admin, options) => admin.HoldLevelAsync(new HoldLevelRequest(), options), token);
        await cluster.UntilAsync(
            async bound => await LevelsAsync(cluster, bound) is [2] two ? two : null, "feature level 2 on all nodes",
            ChaosCluster.Patience + _untilRaised, token);
        bool written = await PauseAsync(cluster, token) is [Note];
        await CompareAsync(cluster, token);
        say($"the level rose after it was released; it was {(held ? "" : "NOT ")}held before, and facts have "
            + $"{(written ? "" : "NOT ")}the new field now");
        return held && written;
    }

    /// <summary>The old build refuses a node's data with its sentence, while the others continue.</summary>
    private async Task<bool> IsRefusedAsync(ChaosCluster cluster, CancellationToken token)
    {
        int node = (await cluster.LeaderAsync() + 1) % ChaosCluster.Nodes;
        var refused = cluster.TryBuildAsync(node, old);
        await cluster.NextSafeAsync(TimeProvider.System.GetTimestamp(), token: token);
        var (code, log) = await refused;
        await CompareAsync(cluster, token);
        say($"the old build ended with exit code {code} on the data of level 2");
        return code == RefusalCode && log.Contains(Refusal, StringComparison.Ordinal);
    }

    /// <summary>The feature levels that the nodes have, without repetitions.</summary>
    private static async Task<int[]> LevelsAsync(ChaosCluster cluster, CancellationToken token) =>
        [.. (await cluster.Connections.StatusAsync(new StatusRequest { Trail = 1 }, token))
            .Select(reply => reply?.FeatureLevel ?? 0).Distinct()];

    /// <summary>Pauses the run and lets it continue.</summary>
    /// <returns>Why nothing moved, as the nodes said it, without repetitions.</returns>
    private static async Task<string[]> PauseAsync(ChaosCluster cluster, CancellationToken token)
    {
        string run = cluster.Run.Name;
        await cluster.AdministerAsync(
            (admin, options) => admin.PauseRunAsync(new PauseRunRequest { Run = run }, options), token);
        string[] reasons = await cluster.UntilAsync<string[]>(
            async bound => await cluster.Connections.StatusAsync(new StatusRequest { Trail = 1 }, bound) is var replies
                && replies.All(reply => reply?.Run is { Paused: true })
                ? [.. replies.Select(reply => reply!.Run.WaitingFor).Distinct()]
                : null,
            "the pause on all nodes", patience: null, token);
        await cluster.AdministerAsync(
            (admin, options) => admin.ResumeRunAsync(new ResumeRunRequest { Run = run }, options), token);
        await cluster.NextSafeAsync(TimeProvider.System.GetTimestamp(), token: token);
        return reasons;
    }
}

/// <summary>The result of <see cref="MixedVersions"/>. The names in its JSON are a contract with scripts.</summary>
/// <param name="Rounds">Rounds published in all.</param>
/// <param name="FailedRounds">Rounds without the updates of all trainers, and updates that were refused.</param>
/// <param name="UpdatesRetrained">Updates that a trainer trained more than once.</param>
/// <param name="HistoriesEqual">All nodes had equal chain hashes after every replacement.</param>
/// <param name="Raised">The feature level rose when it was released, not before, and facts got the new field.</param>
/// <param name="OldBuildRefused">After that, the old build refused a node's data with its sentence and exit code
/// 4.</param>
public sealed record MixedReport(
    int Cycles, int Rounds, int FailedRounds, int UpdatesRetrained, bool HistoriesEqual, bool Raised,
    bool OldBuildRefused)
{
    /// <summary>Whether nothing went wrong, and enough rounds were published to prove it.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool Passed => Rounds >= Cycles && this is
    {
        FailedRounds: 0, UpdatesRetrained: 0, HistoriesEqual: true, Raised: true, OldBuildRefused: true,
    };

    public string ToJson() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);
}
