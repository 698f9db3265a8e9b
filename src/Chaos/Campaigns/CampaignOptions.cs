namespace Quorate.Chaos.Campaigns;

/// <summary>The options of a campaign.</summary>
public sealed record CampaignOptions
{
    /// <summary>Determines all random choices: which faults, when, for how long, and the runs' weights.</summary>
    public required ulong Seed { get; init; }

    /// <summary>No new run starts after this time; the current one is finished and checked.</summary>
    public required TimeSpan Length { get; init; }

    /// <summary>How long faults happen in one run before everything is healed.</summary>
    public TimeSpan Storm { get; init; } = TimeSpan.FromSeconds(40);

    /// <summary>
    /// Time that a run has to finish after everything is healed. A round takes a second or two on a loaded machine.
    /// </summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(90);

    public int Rounds { get; init; } = 20;
    public int Trainers { get; init; } = 4;

    /// <summary>Average time that a trainer trains for one update.</summary>
    public TimeSpan Pace { get; init; } = TimeSpan.FromMilliseconds(250);
}
