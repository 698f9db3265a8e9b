using Quorate.Chaos.Training;
using Quorate.Shared.Protocol;

namespace Quorate.Chaos.Checking;

/// <summary>
/// What a node says that was counted: by round, each trainer and its update's SHA-256; and the model made.
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

/// <summary>What a trainer was told is safe.</summary>
public sealed record SafeUpdate(int Round, string Trainer, string Update);

/// <summary>
/// Promises P1 and P2 as a pure check: everything that was called safe is in every node's history with the same bytes,
/// and every trainer counts at most once a round. A violation is a sentence.
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
                    violations.Add($"{update} was called safe; node {history.Node} has {counted?.Update ?? "none"}.");
            }
        return violations;
    }

    public static List<string> CountedTwice(IReadOnlyList<History> histories) =>
    [
        .. from history in histories
           from round in history.Rounds
           where round.Updates.Select(update => update.Trainer).Distinct().Count() != round.Updates.Count
               || (round.Round > 0 && round.Contributors != round.Updates.Count)
           select $"Node {history.Node} counts {round.Contributors} updates in round {round.Round}: "
               + string.Join(", ", round.Updates.Select(update => update.Trainer)),
    ];

    /// <summary>
    /// A run that ended before its last round, as a failed one does, has no model that was lost; but it should have.
    /// </summary>
    public static List<string> Unfinished(IReadOnlyList<History> histories, int rounds) =>
    [
        .. from history in histories
           where history.Rounds.Count != rounds + 1
           select $"Node {history.Node} has the models of {history.Rounds.Count - 1} rounds, and the run ended; it "
               + $"should have had {rounds}.",
    ];

    /// <summary>Every round once, in order, with the same model on every node.</summary>
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

    /// <summary>Rounds that a trainer trained more than once although it was never killed.</summary>
    public static List<string> Retrained(IEnumerable<TrainerRecord> trainers) =>
    [
        .. from trainer in trainers
           from training in trainer.Trainings
           where training.Value > 1
           select $"Trainer {trainer.Trainer} trained round {training.Key} {training.Value} times.",
    ];
}
