namespace Quorate.Rounds;

/// <summary>What became of a command. A snapshot holds its number: append, never renumber.</summary>
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

    /// <summary>The answer to the repetition of a request that was accepted.</summary>
    public static Outcome AcceptedBefore(RequestKey key) => Duplicate($"Request {key} was accepted before.");

    public static Outcome Duplicate(string reason) => new(Verdict.Duplicate, reason);
    public static Outcome Stale(string reason) => new(Verdict.Stale, reason);
    public static Outcome Rejected(string reason) => new(Verdict.Rejected, reason);
}

/// <summary>
/// A request that carried a key, and what it was answered. The same request under the same key is answered the same and
/// applied once, even if the state has changed in between.
/// </summary>
/// <param name="Meaning">What it asked for, as a hash: everything except its key, its time and its actor.</param>
public sealed record AnsweredRequest(RequestKey Key, BlobHash Meaning, Outcome Outcome)
{
    /// <summary>The answer to a later request under the same key.</summary>
    public Outcome Again(BlobHash meaning)
    {
        if (meaning != Meaning)
            return Outcome.Rejected($"Key {Key} belongs to another request: choose a new key.");
        return Outcome.Verdict == Verdict.Accepted ? Outcome.AcceptedBefore(Key) : Outcome;
    }
}
