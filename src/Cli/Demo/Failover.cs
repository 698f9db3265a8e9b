using Quorate.Shared.Text;

namespace Quorate.Cli.Demo;

/// <summary>The kill of a leader and what followed.</summary>
/// <param name="KilledNode">The node that led.</param>
/// <param name="Round">The round that was open.</param>
/// <param name="UpdatesExpected">Updates a full round has.</param>
/// <param name="KilledAt">Unix milliseconds.</param>
/// <param name="KilledStamp">The same moment as a TimeProvider timestamp.</param>
internal sealed record Failover(int KilledNode, int Round, int UpdatesExpected, long KilledAt, long KilledStamp)
{
    /// <summary>-1 while no node leads.</summary>
    public int NewLeader { get; init; } = -1;

    public long Term { get; init; }

    /// <summary>
    /// From the kill until any node shows an update that was accepted after it; null while there is none.
    /// </summary>
    public double? SecondsToNextAccept { get; init; }

    /// <summary>Updates of the round that were accepted before the kill; they are not trained again.</summary>
    public int UpdatesSafe { get; init; }

    /// <summary>Trainers that trained the round more than once.</summary>
    public int UpdatesRetrained { get; init; }

    public bool Over => NewLeader >= 0 && SecondsToNextAccept is not null;

    /// <summary>The highlighted line.</summary>
    public string Line(int retrained) =>
        $"LEADER node {KilledNode} KILLED → node {NewLeader} leads (term {Term}) · next accepted update after "
        + $"{SecondsToNextAccept:0.00} s · {UpdatesSafe}/{PlainText.Count(UpdatesExpected, "update")} safe · "
        + $"{retrained} retrained";
}
