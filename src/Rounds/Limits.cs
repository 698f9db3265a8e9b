namespace Quorate.Rounds;

/// <summary>Every bound of the replicated state, with its reason. Nothing in the state can grow past these.</summary>
public static class Limits
{
    /// <summary>
    /// Runs in the state, active and queued ones included. The oldest ended run is forgotten when a new one opens.
    /// </summary>
    public const int Runs = 16;

    /// <summary>
    /// Highest limit of runs that are active at the same time: half of <see cref="Runs"/>, so that the other half holds
    /// queued runs and results. Each active run also keeps a round's updates on the disks.
    /// </summary>
    public const int ActiveRuns = Runs / 2;

    /// <summary>
    /// Trainers a run knows. 10,000 attend at once in the load benchmark; departed ones are forgotten first.
    /// </summary>
    public const int Trainers = 20_000;

    /// <summary>
    /// Rounds in a run: the trail keeps about 70 bytes a round in memory and in a snapshot, so 100,000 rounds take
    /// about 7 MB.
    /// </summary>
    public const int Rounds = 100_000;

    /// <summary>
    /// Updates that the trail lists, not counting the open round's: at about 150 bytes each, 15 MB of every snapshot.
    /// If keepUpdateRounds times the number of trainers exceeds it, fewer rounds are kept.
    /// </summary>
    public const int ListedUpdates = 100_000;

    /// <summary>Characters of a run's plan (JSON). The state machine keeps it and never looks inside.</summary>
    public const int PlanChars = 16 * 1024;

    /// <summary>Characters of a reason written into the state. See <see cref="CutReason"/>.</summary>
    public const int ReasonChars = 512;

    /// <summary>The first <see cref="ReasonChars"/> characters of a text from outside, as a reason.</summary>
    public static string CutReason(string text) => text.Length <= ReasonChars ? text : text[..ReasonChars];

    /// <summary>
    /// Examples in one update. Below 2^29, examples times a float32 weight is exact in a double (24 + 29 bits),
    /// so the average has one rounding per addition and the same bits with or without fused multiply-add.
    /// </summary>
    public const long Examples = (1L << 29) - 1;

    /// <summary>
    /// Bytes of one blob: 64 GiB, far above any model trained this way, far below what would overflow.
    /// </summary>
    public const long BlobBytes = 64L << 30;

    /// <summary>Characters of an actor's name, as many as of a trainer's id.</summary>
    public const int ActorChars = 63;

    /// <summary>
    /// Trainers that a model can name as its contributors. Rules that choose among updates compare them in pairs, which
    /// is impractical with more; a rule that counts all updates names none.
    /// </summary>
    public const int Contributors = 1_000;

    /// <summary>
    /// Answered requests whose keys are remembered. People and scripts send a few requests a day and repeat them within
    /// minutes; each takes about 110 bytes of a snapshot, and 1.7 KB at most.
    /// </summary>
    public const int AnsweredRequests = 1_000;

    /// <summary>Bytes of one encoded command: a plan in UTF-8, or all contributors, plus a little.</summary>
    public const int CommandBytes = 4 * PlanChars + 8192;
}
