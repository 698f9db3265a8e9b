namespace Quorate.Chaos.Checking;

/// <summary>One request to the cluster and its answer, as a client saw them.</summary>
/// <param name="Key">RUN/ROUND/TRAINER; operations on different keys are independent.</param>
/// <param name="Client">Who sent the request; shown in a violation.</param>
/// <param name="Call">When it was sent, in any unit of one monotonic clock.</param>
/// <param name="Return">When the answer arrived. Ignored for <see cref="Answer.Unknown"/>.</param>
/// <param name="Hash">For an offer, the update's SHA-256. For a look, the SHA-256 that was seen, or null.</param>
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
    /// No answer, or one that does not say. The offer may take effect at any time after its call, or never.
    /// </summary>
    Unknown,
}
