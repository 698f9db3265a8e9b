using System.Text.RegularExpressions;
using Quorate.Shared.Protocol;

namespace Quorate.Cli.Show;

/// <summary>Words and short lines that several commands share.</summary>
internal static partial class ClusterText
{
    /// <summary>The reply of the leader: of the nodes that say they lead, the one with the newest term.</summary>
    public static StatusReply? Leading(IEnumerable<StatusReply?> replies) =>
        replies.OfType<StatusReply>().Where(r => r.Leader).MaxBy(r => r.Term);

    /// <summary>The reply with the newest view of a run: the leader's, or else the one with the highest
    /// index.</summary>
    public static StatusReply? Newest(IEnumerable<StatusReply?> replies)
    {
        var known = replies.OfType<StatusReply>().ToList();
        return Leading(known) ?? known.MaxBy(r => r.Index);
    }

    public static string Leader(IEnumerable<StatusReply?> replies) => Leading(replies) is { } leader
        ? $"leader node {leader.Node} · term {leader.Term}"
        : "no leader";

    public static string Role(StatusReply? reply) => reply switch
    {
        null => "unreachable",
        { Leader: true } => "leader",
        { Quorum: true } => "follower",
        _ => "no quorum",
    };

    public static string Phase(RunPhase phase) => phase.ToString().ToLowerInvariant();

    /// <param name="leading">Whether the leader says so: only it receives heartbeats.</param>
    public static string Activity(TrainerStatus trainer, bool leading) => trainer switch
    {
        { Present: false } => "absent",
        { Accepted: true } => "accepted",
        _ when !leading => "present",
        _ => trainer.Activity.ToString().ToLowerInvariant(),
    };

    /// <summary>"1 trainer", "2 trainers".</summary>
    public static string Count(long count, string noun) => $"{count} {noun}{(count == 1 ? "" : "s")}";

    /// <summary>Trainers by name, with numbers in their natural order: 0, 1, 2, 10.</summary>
    public static IEnumerable<TrainerStatus> Sorted(IEnumerable<TrainerStatus> trainers) => trainers.OrderBy(
        trainer => Digits().Replace(trainer.Trainer, number => number.Value.PadLeft(63, '0')), StringComparer.Ordinal);

    /// <summary>A published model in one line.</summary>
    /// <param name="model">A model of the trail with its score, or the reason why it has none.</param>
    /// <param name="rounds">Rounds of the run.</param>
    /// <param name="trainers">Updates of a complete round.</param>
    public static string Round(ModelStatus model, int rounds, int trainers)
    {
        string score = model.Score is { } s
            ? ScoreText.Short(s)
            : $"not scored ({model.Unscored})";
        double seconds = (model.PublishedAt - model.OpenedAt) / 1000.0;
        return $"[ROUND {model.Round}/{rounds}] {model.Contributors}/{trainers} updates · {score} · "
            + FormattableString.Invariant(
                $"{seconds:0.0} s · model sha256:{Convert.ToHexStringLower(model.Blob.Span)[..4]}…");
    }

    /// <summary>Whether the model has a score, or a reason why it has none.</summary>
    public static bool IsJudged(ModelStatus model) => model.Score is not null || model.Unscored.Length > 0;

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Digits();
}
