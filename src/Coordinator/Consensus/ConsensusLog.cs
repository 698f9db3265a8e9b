using Quorate.Coordinator.Telemetry;

namespace Quorate.Coordinator.Consensus;

/// <summary>What consensus tells an operator.</summary>
internal static partial class ConsensusLog
{
    [LoggerMessage(EventIds.LogStarted, LogLevel.Information,
        "Node {Node} joined consensus on {Raft} at log index {Index}.")]
    public static partial void Started(this ILogger logger, int node, Shared.Hosts.HostPort raft, long index);

    [LoggerMessage(EventIds.BecameLeader, LogLevel.Information, "Became leader in term {Term}.")]
    public static partial void Leading(this ILogger logger, long term);

    [LoggerMessage(EventIds.BecameFollower, LogLevel.Information, "Following node {Leader} in term {Term}.")]
    public static partial void Following(this ILogger logger, int leader, long term);

    [LoggerMessage(EventIds.LeaderLost, LogLevel.Warning, "No leader in term {Term}; waiting for an election.")]
    public static partial void Leaderless(this ILogger logger, long term);

    [LoggerMessage(EventIds.DiskHangs, LogLevel.Warning,
        "This node's disk has not flushed an entry for {Seconds} s; if it leads, it steps down for another node.")]
    public static partial void DiskHangs(this ILogger logger, double seconds);

    [LoggerMessage(EventIds.SnapshotPurged, LogLevel.Warning,
        "Deleted snapshot file {File}: it was incomplete, damaged or left over.")]
    public static partial void SnapshotPurged(this ILogger logger, string file);

    [LoggerMessage(EventIds.LogBroken, LogLevel.Critical, "The replicated log failed; stopping this node.")]
    public static partial void Broken(this ILogger logger, Exception exception);

    [LoggerMessage(EventIds.LogStopped, LogLevel.Information, "Node {Node} left consensus.")]
    public static partial void Stopped(this ILogger logger, int node);

    [LoggerMessage(EventIds.LogStopTimedOut, LogLevel.Warning,
        "Consensus did not stop within {Seconds} s; the shutdown continues without it.")]
    public static partial void StopTimedOut(this ILogger logger, double seconds);

    [LoggerMessage(EventIds.MemberRefused, LogLevel.Error, "Refusing Raft connections with node {Node}: {Why}")]
    public static partial void MemberRefused(this ILogger logger, int node, string why);

    [LoggerMessage(EventIds.RefusedByMember, LogLevel.Error, "Node {Node} refuses Raft connections with us: {Why}")]
    public static partial void RefusedByMember(this ILogger logger, int node, string why);

    [LoggerMessage(EventIds.MemberAgrees, LogLevel.Information, "Node {Node} accepts Raft connections again.")]
    public static partial void MemberAgrees(this ILogger logger, int node);

    [LoggerMessage(EventIds.NameUnresolved, LogLevel.Warning,
        "Node {Node}'s host name '{Host}' has no address at the moment; it is looked up again at each connection.")]
    public static partial void NameUnresolved(this ILogger logger, int node, string host);

    [LoggerMessage(EventIds.NameResolved, LogLevel.Information,
        "Node {Node}'s host name '{Host}' has an address again.")]
    public static partial void NameResolved(this ILogger logger, int node, string host);

    [LoggerMessage(EventIds.LibraryQuieted, LogLevel.Warning, "{Text}")]
    public static partial void Library(this ILogger logger, string text);
}
