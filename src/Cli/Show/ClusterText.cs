using System.Text.RegularExpressions;
using Quorate.Shared.Hosts;
using Quorate.Shared.Protocol;
using Quorate.Shared.Runs;
using Quorate.Shared.Text;

namespace Quorate.Cli.Show;

/// <summary>What all coordinators answered at one moment.</summary>
/// <param name="Nodes">In the order of the hosts file; a node that does not answer has no reply.</param>
/// <param name="Hosts">The path of the hosts file.</param>
/// <param name="Differences">Between nodes that should be one cluster, one sentence each.</param>
internal sealed record ClusterView(
    IReadOnlyList<(Node Node, StatusReply? Reply)> Nodes, string Hosts, IReadOnlyList<string> Differences)
{
    public StatusReply? Newest => ClusterText.Newest(Nodes.Select(node => node.Reply));

    /// <summary>
    /// What stops the cluster or its run, or what an operator should know, one sentence each. Not the differences.
    /// </summary>
    public IEnumerable<string> Reasons
    {
        get
        {
            if (ClusterText.Problem(this) is { Length: > 0 } problem) yield return problem;
            foreach (var (node, reply) in Nodes)
                foreach (string note in reply?.Notes ?? []) yield return $"note from node {node.Id}: {note}";
            if (Newest is { LevelHeldBy.Length: > 0 } held)
                yield return $"Feature level {held.FeatureLevel}; raise held by {held.LevelHeldBy}.";
            if (Newest?.Run is not { } run) yield break;
            if (run.WaitingFor.Length > 0) yield return $"why nothing happens: {run.WaitingFor}";
            if (run.Reason.Length > 0) yield return $"reason: {run.Reason}";
        }
    }
}

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

    /// <summary>What a trainer does, as far as the node knows: only a leader receives heartbeats.</summary>
    public static string Activity(TrainerStatus trainer, StatusReply from) => trainer switch
    {
        { Fault.Length: > 0 } => trainer.Fault,
        _ when from.Run.Phase.HasEnded() => "",
        { Accepted: true } => "accepted",
        _ when !from.Quorum => "unknown",
        { Present: false } => "absent",
        { SilentMs: < 0 } => "present",
        { Activity: Shared.Protocol.Activity.Idle } => "idle",
        _ => FormattableString.Invariant(
            $"{trainer.Activity.ToString().ToLowerInvariant()} {100 * trainer.Progress:0} %"),
    };

    /// <summary>Trainers by name, with numbers in their natural order: 0, 1, 2, 10.</summary>
    public static IEnumerable<TrainerStatus> Sorted(IEnumerable<TrainerStatus> trainers) => trainers.OrderBy(
        trainer => Digits().Replace(trainer.Trainer, number => number.Value.PadLeft(63, '0')), StringComparer.Ordinal);

    /// <summary>What is wrong with the cluster as a whole; empty if nothing is.</summary>
    public static string Problem(ClusterView view)
    {
        var answers = view.Nodes.Select(node => node.Reply).OfType<StatusReply>().ToList();
        int needed = view.Nodes.Count / 2 + 1;
        return answers.Count == 0
            ? $"No node answers. Are the coordinators running at the addresses in {view.Hosts}?"
            : answers.Count < needed
                ? $"There is no quorum: only {answers.Count} of {PlainText.Count(view.Nodes.Count, "node")} "
                    + $"answer{(answers.Count == 1 ? "s" : "")}, {needed} are needed. "
                    + "Nothing can be changed until then."
                : Leading(answers) is null
                    ? "There is no leader: an election is in progress, or the nodes cannot reach each other."
                    : "";
    }

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
        return $"[ROUND {model.Round}/{rounds}] {model.Contributors}/{PlainText.Count(trainers, "update")} · {score} · "
            + FormattableString.Invariant(
                $"{seconds:0.0} s · sha256 {Convert.ToHexStringLower(model.Blob.Span)[..4]}…");
    }

    /// <summary>Whether the model has a score, or a reason why it has none.</summary>
    public static bool IsJudged(ModelStatus model) => model.Score is not null || model.Unscored.Length > 0;

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Digits();
}
