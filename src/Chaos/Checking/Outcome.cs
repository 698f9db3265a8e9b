using Quorate.Chaos.Processes;
using Quorate.Shared.Text;

namespace Quorate.Chaos.Checking;

/// <summary>The check of everything that must hold once a run has ended, whatever faults it had.</summary>
/// <param name="Summary">What was compared, in one line.</param>
/// <param name="Violations">One sentence for each broken promise.</param>
/// <param name="Enough">False if too little happened to prove anything.</param>
public sealed record Outcome(string Summary, IReadOnlyList<string> Violations, bool Enough)
{
    /// <summary>Updates whose trainers were told that they are safe.</summary>
    public int Safe { get; init; }

    public int Lost { get; init; }
    public int CountedTwice { get; init; }
    public int Models { get; init; }
    public bool ChainsEqual { get; init; }
    public bool BitIdentical { get; init; }
    public bool Linearizable { get; init; }

    public bool Holds => Violations.Count == 0 && Enough;

    public override string ToString() => string.Join('\n', [Summary, .. Violations]);

    /// <summary>Waits for the end, then checks all promises.</summary>
    /// <param name="undisturbed">The final model of the same run without faults; null to compare with the replay only.
    /// </param>
    /// <param name="mayRetrain">Trainers that were killed: they lost their memory.</param>
    public static async Task<Outcome> OfAsync(
        ChaosCluster cluster, string? undisturbed, params IReadOnlyCollection<string> mayRetrain)
    {
        var histories = (await cluster.WhenFinishedAsync()).Select(History.Of).ToList();
        await Task.WhenAll(cluster.Trainers.Select(trainer => trainer.DisposeAsync().AsTask()));
        var chains = await Task.WhenAll(Enumerable.Range(0, ChaosCluster.Nodes).Select(cluster.ChainAsync));
        var records = cluster.Trainers.Select(trainer => trainer.Record).ToList();
        var safe = records.SelectMany(record => record.Safe.Select(
            answer => new SafeUpdate(answer.Round, record.Trainer, record.UpdateOf(answer.Round)))).ToList();
        var operations = records.SelectMany(record => record.Offers.Concat(record.Unanswered))
            .Concat(cluster.Observer.Looks)
            .Where(operation => operation.Key.StartsWith(cluster.Run.Name + "/", StringComparison.Ordinal)).ToList();
        List<string> lost = HistoryChecker.Lost(safe, histories), twice = HistoryChecker.CountedTwice(histories),
            diverged = DurabilityChecker.Diverged(chains),
            other = await Replay.DifferencesAsync(
                cluster.Run, histories[0], cluster.Folder, CancellationToken.None);
        if (undisturbed is not null && histories[0].FinalModel != undisturbed)
            other.Add($"The final model is {histories[0].FinalModel}; without faults it is {undisturbed}.");
        var unordered = Linearizability.Violations(operations);
        List<string> violations =
        [
            .. lost, .. twice, .. diverged, .. other, .. unordered,
            .. HistoryChecker.Unfinished(histories, cluster.Run.Rounds),
            .. HistoryChecker.Differing(histories),
            .. HistoryChecker.Retrained(records.Where(record => !mayRetrain.Contains(record.Trainer))),
            .. cluster.Observer.Violations,
            .. await UnreadableAsync(cluster, histories[0]),
        ];
        string summary = $"{PlainText.Count(safe.Count, "update")} reported safe, "
            + $"{chains.Min(chain => chain.Count)} chain hashes compared, "
            + $"{cluster.Observer.Answers} linearizable reads, {operations.Count} operations checked, "
            + PlainText.Count(violations.Count, "violation");
        return new Outcome($"{summary}; files in {cluster.Root}", violations,
            safe.Count > 0 && operations.Count > 0 && cluster.Observer.Answers > 0
                && chains.All(chain => chain.Count > 0))
        {
            Safe = safe.Count, Lost = lost.Count, CountedTwice = twice.Count, Models = histories[0].Rounds.Count - 1,
            ChainsEqual = diverged.Count == 0, BitIdentical = other.Count == 0, Linearizable = unordered.Count == 0,
        };
    }

    /// <summary>
    /// Every node must serve every model, as many nodes as accepted an update must serve it, and none may serve other
    /// bytes.
    /// </summary>
    private static async Task<List<string>> UnreadableAsync(ChaosCluster cluster, History history)
    {
        var violations = new List<string>();
        foreach (var round in history.Rounds)
        {
            foreach (var (blob, copies) in round.Updates.Select(update => (update.Update, Copies: cluster.UpdateCopies))
                .Append((round.Model, ChaosCluster.Nodes)))
            {
                var given = await CopiesAsync(cluster, blob, copies);
                if (given.Any(sha256 => sha256 is not null && sha256 != blob))
                    violations.Add(
                        $"Blob {blob} of round {round.Round} came with other bytes: {string.Join(", ", given)}.");
                if (given.Count(sha256 => sha256 == blob) < copies)
                    violations.Add($"Blob {blob} of round {round.Round} is on fewer than {copies} of the nodes.");
            }
        }
        return violations;
    }

    /// <summary>
    /// The SHA-256 of what each node serves. A node that was down may still be pulling, so this asks repeatedly.
    /// </summary>
    private static async Task<string?[]> CopiesAsync(ChaosCluster cluster, string blob, int copies)
    {
        for (int tries = 0; ; tries++)
        {
            var given = await Task.WhenAll(
                Enumerable.Range(0, ChaosCluster.Nodes).Select(node => cluster.DownloadAsync(node, blob)));
            if (given.Count(sha256 => sha256 is not null) >= copies || tries == 150) return given;
            await ChaosCluster.PauseAsync(TimeSpan.FromMilliseconds(100));
        }
    }
}
