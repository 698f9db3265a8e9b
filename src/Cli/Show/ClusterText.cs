using Quorate.Shared.Protocol;

namespace Quorate.Cli.Show;

/// <summary>The cluster's words, the same in every command.</summary>
internal static class ClusterText
{
    /// <summary>
    /// The reply of the node that leads: of those that say so, the one of the highest term. Null when none does.
    /// </summary>
    public static StatusReply? Leading(IEnumerable<StatusReply?> replies) =>
        replies.OfType<StatusReply>().Where(r => r.Leader).MaxBy(r => r.Term);

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

    public static string Phase(RunPhase phase) => phase switch
    {
        RunPhase.Training => "training",
        _ => phase.ToString().ToLowerInvariant(),
    };

    public static string Activity(TrainerStatus trainer) => trainer switch
    {
        { Present: false } => "absent",
        { Accepted: true } => "accepted",
        _ => trainer.Activity.ToString().ToLowerInvariant(),
    };

    /// <summary>The newest view of a run among replies: the leader's, else that of the highest index.</summary>
    public static StatusReply? Newest(IEnumerable<StatusReply?> replies)
    {
        var known = replies.OfType<StatusReply>().ToList();
        return Leading(known) ?? known.MaxBy(r => r.Index);
    }
}
