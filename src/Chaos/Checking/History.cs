using Quorate.Chaos.Training;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;

namespace Quorate.Chaos.Checking;

/// <summary>
/// What one node reports as counted: in each round, every trainer with its update's SHA-256, and the published model.
/// </summary>
public sealed record History(int Node, IReadOnlyList<CountedRound> Rounds)
{
    public static History Of(StatusReply status) => new(
        status.Node,
        [.. status.Run.Trail.Select(model => new CountedRound(
            model.Round, Hex(model.Blob), model.Contributors,
            [.. model.Updates.Select(update => (update.Trainer, Hex(update.Blob)))]))]);

    public string FinalModel => Rounds[^1].Model;

    private static string Hex(Google.Protobuf.ByteString hash) => Convert.ToHexStringLower(hash.Span);
}

public sealed record CountedRound(
    int Round, string Model, int Contributors, IReadOnlyList<(string Trainer, string Update)> Updates);

/// <summary>An update whose trainer was told that it is safe.</summary>
public sealed record SafeUpdate(int Round, string Trainer, string Update);

/// <summary>
/// Checks promises P1 and P2: every update that was reported as safe is in every node's history with the same bytes,
/// and every trainer counts at most once in a round. A violation is a sentence.
/// </summary>
public static class HistoryChecker
{
    public static List<string> Lost(IEnumerable<SafeUpdate> safe, IReadOnlyList<History> histories)
    {
        var violations = new List<string>();
        foreach (var update in safe)
            foreach (var history in histories)
            {
                var counted = history.Rounds.FirstOrDefault(round => round.Round == update.Round)?.Updates
                    .FirstOrDefault(u => u.Trainer == update.Trainer);
                if (counted?.Update != update.Update)
                    violations.Add(
                        $"{update} was reported as safe, but node {history.Node} has {counted?.Update ?? "none"}.");
            }
        return violations;
    }

    public static List<string> CountedTwice(IReadOnlyList<History> histories) =>
    [
        .. from history in histories
           from round in history.Rounds
           where round.Updates.Select(update => update.Trainer).Distinct().Count() != round.Updates.Count
               || (round.Round > 0 && round.Contributors != round.Updates.Count)
           select $"Node {history.Node} counts {PlainText.Count(round.Contributors, "update")} in round {round.Round}: "
               + string.Join(", ", round.Updates.Select(update => update.Trainer)),
    ];

    /// <summary>
    /// A failed run ends before its last round without having lost a model, but a campaign's run must not fail.
    /// </summary>
    public static List<string> Unfinished(IReadOnlyList<History> histories, int rounds) =>
    [
        .. from history in histories
           where history.Rounds.Count != rounds + 1
           select $"The run ended after {history.Rounds.Count - 1} of {rounds} rounds on node {history.Node}.",
    ];

    /// <summary>Every node must have every round once, in order, with the same model.</summary>
    public static List<string> Differing(IReadOnlyList<History> histories)
    {
        var violations = new List<string>();
        foreach (var history in histories)
        {
            if (!history.Rounds.Select(round => round.Round).SequenceEqual(Enumerable.Range(0, history.Rounds.Count)))
                violations.Add(
                    $"Node {history.Node} has the rounds {string.Join(", ", history.Rounds.Select(r => r.Round))}.");
            if (!history.Rounds.Select(round => round.Model).SequenceEqual(histories[0].Rounds.Select(r => r.Model)))
                violations.Add($"Nodes {histories[0].Node} and {history.Node} have different models.");
        }
        return violations;
    }

    /// <summary>Rounds that a trainer trained more than once.</summary>
    public static List<string> Retrained(IEnumerable<TrainerRecord> trainers) =>
    [
        .. from trainer in trainers
           from training in trainer.Trainings
           where training.Value > 1
           select $"Trainer {trainer.Trainer} trained round {training.Key} {PlainText.Count(training.Value, "time")}.",
    ];
}
