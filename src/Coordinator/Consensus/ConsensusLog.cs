namespace Quorate.Coordinator.Consensus;

/// <summary>
/// What consensus tells an operator. Ids 1000 to 1999; an id is never used again for another message.
/// </summary>
internal static partial class ConsensusLog
{
    [LoggerMessage(1000, LogLevel.Information,
        "Node {Node} takes part in consensus on {Raft}, at index {Index} of its log.")]
    public static partial void Started(this ILogger logger, int node, System.Net.IPEndPoint raft, long index);

    [LoggerMessage(1001, LogLevel.Information, "This node leads since term {Term}.")]
    public static partial void Leading(this ILogger logger, long term);

    [LoggerMessage(1002, LogLevel.Information, "Node {Leader} leads in term {Term}.")]
    public static partial void Following(this ILogger logger, int leader, long term);

    [LoggerMessage(1003, LogLevel.Warning, "No leader is known in term {Term}: an election is due.")]
    public static partial void Leaderless(this ILogger logger, long term);

    [LoggerMessage(1004, LogLevel.Warning, "The snapshot file {File} was torn, damaged or left over, and was deleted.")]
    public static partial void SnapshotPurged(this ILogger logger, string file);

    [LoggerMessage(1005, LogLevel.Critical, "Consensus is broken; this node stops.")]
    public static partial void Broken(this ILogger logger, Exception exception);

    [LoggerMessage(1006, LogLevel.Information, "Node {Node} left consensus.")]
    public static partial void Stopped(this ILogger logger, int node);

    [LoggerMessage(1007, LogLevel.Warning, "Consensus did not stop within {Seconds} s; going on without it.")]
    public static partial void StopTimedOut(this ILogger logger, double seconds);

    [LoggerMessage(1008, LogLevel.Warning, "{Text} ({More} more like this in the last {Seconds} s)")]
    public static partial void Quieted(this ILogger logger, string text, int more, double seconds);
}
