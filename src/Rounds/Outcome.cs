namespace Quorate.Rounds;

/// <summary>What became of a command.</summary>
public enum Verdict
{
    /// <summary>It changed the state.</summary>
    Accepted,

    /// <summary>The state already holds this fact; answered like <see cref="Accepted"/>.</summary>
    Duplicate,

    /// <summary>It is about a round that is over; nothing changed.</summary>
    Stale,

    /// <summary>It contradicts the state; nothing changed.</summary>
    Rejected,
}

/// <summary>A verdict and, unless accepted, the sentence that explains it.</summary>
public readonly record struct Outcome(Verdict Verdict, string Reason)
{
    public static readonly Outcome Accepted = new(Verdict.Accepted, "");

    /// <summary>True when the state holds the fact, whether this command or an earlier one added it.</summary>
    public bool Holds => Verdict is Verdict.Accepted or Verdict.Duplicate;

    public static Outcome Duplicate(string reason) => new(Verdict.Duplicate, reason);
    public static Outcome Stale(string reason) => new(Verdict.Stale, reason);
    public static Outcome Rejected(string reason) => new(Verdict.Rejected, reason);
}
