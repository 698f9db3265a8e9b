using Quorate.Coordinator.Telemetry;

namespace Quorate.Coordinator.Consensus;

/// <summary>
/// What consensus tells an operator. Ids 1000 to 1999; an id is never used again for another message.
/// </summary>
internal static partial class ConsensusLog
{
    [LoggerMessage(EventIds.LogStarted, LogLevel.Information,
        "Node {Node} takes part in consensus on {Raft}, at index {Index} of its log.")]
    public static partial void Started(this ILogger logger, int node, System.Net.IPEndPoint raft, long index);

    [LoggerMessage(EventIds.BecameLeader, LogLevel.Information, "This node leads since term {Term}.")]
    public static partial void Leading(this ILogger logger, long term);

    [LoggerMessage(EventIds.BecameFollower, LogLevel.Information, "Node {Leader} leads in term {Term}.")]
    public static partial void Following(this ILogger logger, int leader, long term);

    [LoggerMessage(EventIds.LeaderLost, LogLevel.Warning, "No leader is known in term {Term}: an election is due.")]
    public static partial void Leaderless(this ILogger logger, long term);

    [LoggerMessage(EventIds.SnapshotPurged, LogLevel.Warning,
        "The snapshot file {File} was torn, damaged or left over, and was deleted.")]
    public static partial void SnapshotPurged(this ILogger logger, string file);

    [LoggerMessage(EventIds.LogBroken, LogLevel.Critical, "Consensus is broken; this node stops.")]
    public static partial void Broken(this ILogger logger, Exception exception);

    [LoggerMessage(EventIds.LogStopped, LogLevel.Information, "Node {Node} left consensus.")]
    public static partial void Stopped(this ILogger logger, int node);

    [LoggerMessage(EventIds.LogStopTimedOut, LogLevel.Warning,
        "Consensus did not stop within {Seconds} s; going on without it.")]
    public static partial void StopTimedOut(this ILogger logger, double seconds);

    [LoggerMessage(EventIds.LibraryQuieted, LogLevel.Warning, "{Text} ({More} more like this in the last {Seconds} s)")]
    public static partial void Quieted(this ILogger logger, string text, int more, double seconds);
}
