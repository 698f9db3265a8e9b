namespace Quorate.Chaos.Campaigns;

/// <summary>What a campaign is to do.</summary>
public sealed record CampaignOptions
{
    /// <summary>Of everything that is drawn: which faults, when, for how long, and the runs' weights.</summary>
    public required ulong Seed { get; init; }

    /// <summary>No new run begins after this; the one under way ends, and is checked.</summary>
    public required TimeSpan Length { get; init; }

    /// <summary>How long faults go on in one run before everything is healed.</summary>
    public TimeSpan Storm { get; init; } = TimeSpan.FromSeconds(40);

    /// <summary>
    /// Progress: once healed, a run must be through within this. Its rounds take a second or two each on a loaded
    /// machine.
    /// </summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(90);

    public int Rounds { get; init; } = 20;
    public int Trainers { get; init; } = 4;

    /// <summary>About how long a trainer trains.</summary>
    public TimeSpan Pace { get; init; } = TimeSpan.FromMilliseconds(250);
}
