using Quorate.Coordinator.Telemetry;

namespace Quorate.Coordinator.Consensus;

/// <summary>What consensus tells an operator.</summary>
internal static partial class ConsensusLog
{
    [LoggerMessage(EventIds.LogStarted, LogLevel.Information,
        "Node {Node} joined consensus on {Raft} at log index {Index}.")]
    public static partial void Started(this ILogger logger, int node, System.Net.IPEndPoint raft, long index);

    [LoggerMessage(EventIds.BecameLeader, LogLevel.Information, "Became leader in term {Term}.")]
    public static partial void Leading(this ILogger logger, long term);

    [LoggerMessage(EventIds.BecameFollower, LogLevel.Information, "Following node {Leader} in term {Term}.")]
    public static partial void Following(this ILogger logger, int leader, long term);

    [LoggerMessage(EventIds.LeaderLost, LogLevel.Warning, "No leader in term {Term}; waiting for an election.")]
    public static partial void Leaderless(this ILogger logger, long term);

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

    [LoggerMessage(EventIds.LibraryQuieted, LogLevel.Warning, "{Text}")]
    public static partial void Library(this ILogger logger, string text);

    [LoggerMessage(EventIds.LibraryQuieted, LogLevel.Warning,
        "{Text} ({More} similar warnings in the last {Seconds} s were not shown.)")]
    public static partial void LibraryRepeated(this ILogger logger, string text, int more, double seconds);
}
