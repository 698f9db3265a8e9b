namespace Quorate.Cli.Demo;

/// <summary>The options of <c>quorate demo</c>.</summary>
internal sealed record DemoOptions
{
    public required string RunFile { get; init; }

    /// <summary>Null: the run file's.</summary>
    public int? Rounds { get; init; }

    /// <summary>Null: the run file's minTrainers.</summary>
    public int? Trainers { get; init; }

    /// <summary>3 or 5.</summary>
    public int Coordinators { get; init; } = 3;

    /// <summary>Leaders to kill; above 0, an undisturbed run comes first.</summary>
    public int Kills { get; init; }

    /// <summary>
    /// Null: kill in round 2, when some but not all updates have arrived. Otherwise: at moments drawn from this seed.
    /// </summary>
    public ulong? KillSeed { get; init; }

    /// <summary>A folder that keeps everything; null: a temporary one.</summary>
    public string? Keep { get; init; }

    public bool Json { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(10);
}
