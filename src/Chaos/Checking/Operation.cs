namespace Quorate.Chaos.Checking;

/// <summary>One question to the cluster and what came back, as a client saw it.</summary>
/// <param name="Key">What it is about, as RUN/ROUND/TRAINER: operations on different keys never touch.</param>
/// <param name="Client">Who asked, for the reader of a violation.</param>
/// <param name="Call">When it was sent; any unit, the same for all, of a clock that never goes back.</param>
/// <param name="Return">When the answer was here. Ignored where there is none: <see cref="Answer.Unknown"/>.</param>
/// <param name="Hash">Offered: the update's SHA-256. Looked: what was seen, null for nothing.</param>
public sealed record Operation(
    string Key, string Client, long Call, long Return, OperationKind Kind, string? Hash, Answer Answer);

public enum OperationKind
{
    /// <summary>An update is offered.</summary>
    Offer,

    /// <summary>The leader is asked, with a linearizable read, which update counts.</summary>
    Look,
}

public enum Answer
{
    Accepted,
    Duplicate,
    Stale,
    Rejected,

    /// <summary>A look came back, with or without a hash.</summary>
    Seen,

    /// <summary>
    /// None came, or one that leaves it open: an offer may take effect at any time from its call on, or never.
    /// </summary>
    Unknown,
}
