using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;

namespace Quorate.Rounds;

/// <summary>
/// Everything the replicas agree on. Immutable: a reader can keep a consistent state for as long as it likes.
/// Invariant: a run is queued only while <see cref="MaxActiveRuns"/> runs or more are active, and every active run was
/// opened before every queued one.
/// </summary>
public sealed record ClusterState
{
    public static readonly ClusterState Empty = new();

    /// <summary>Index of the last log entry applied; 0 before the first.</summary>
    public long Index { get; init; }

    /// <summary>
    /// SHA-256 over (previous chain, index, command bytes). Two replicas with the same chain at an index have applied
    /// the same commands at the same indexes. The hash includes the index, so it also shows where a no-op took one.
    /// </summary>
    public BlobHash Chain { get; init; }

    /// <summary>
    /// The feature level at which facts are written: 1 to <see cref="FeatureLevel.Supported"/> of every member.
    /// </summary>
    public int Level { get; init; } = FeatureLevel.First;

    /// <summary>Who holds the level where it is; empty: it may rise.</summary>
    public string LevelHeldBy { get; init; } = "";

    /// <summary>The cluster's id; not set until the first leader has named it.</summary>
    public ClusterId Id { get; init; }

    /// <summary>Runs in the order in which they were opened.</summary>
    public ImmutableList<Run> Runs { get; init; } = [];

    /// <summary>
    /// The newest requests that carried a key, in the order in which they were answered; at most
    /// <see cref="Limits.AnsweredRequests"/>.
    /// </summary>
    public ImmutableList<AnsweredRequest> Answered { get; init; } = [];

    /// <summary>
    /// Runs that may be active at the same time: 1 to <see cref="Limits.ActiveRuns"/>. More are active for a while if
    /// it was lowered.
    /// </summary>
    public int MaxActiveRuns { get; init; } = 1;

    /// <summary>The runs that have started and not ended, in the order in which they were opened.</summary>
    public IEnumerable<Run> ActiveRuns => Runs.Where(run => run.IsActive);

    public Run? Find(RunId id) => Runs.Find(run => run.Id == id);

    internal ClusterState Remember(AnsweredRequest request)
    {
        var kept = Answered.Count < Limits.AnsweredRequests ? Answered : Answered.RemoveAt(0);
        return this with { Answered = kept.Add(request) };
    }

    internal static BlobHash NextChain(BlobHash chain, long index, ReadOnlySpan<byte> command)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> head = stackalloc byte[BlobHash.Size + sizeof(long)];
        chain.CopyTo(head);
        BinaryPrimitives.WriteInt64LittleEndian(head[BlobHash.Size..], index);
        sha.AppendData(head);
        sha.AppendData(command);
        Span<byte> hash = stackalloc byte[BlobHash.Size];
        sha.GetHashAndReset(hash);
        return BlobHash.FromBytes(hash);
    }
}
