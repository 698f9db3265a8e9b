using Google.Protobuf;
using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>Another coordinator, as the blob store sees it.</summary>
public sealed class Peer(int id, CallInvoker invoker)
{
    private long _failedAt;

    public int Id { get; } = id;

    public PeersClient Peers { get; } = new(invoker);

    public TransferClient Transfer { get; } = new(invoker);

    /// <summary>
    /// It failed a moment ago. Such a peer is tried last, so that a dead or paused one does not cost every upload its
    /// timeout.
    /// </summary>
    internal bool IsSuspect(TimeProvider time, TimeSpan memory)
    {
        long failed = Interlocked.Read(ref _failedAt);
        return failed != 0 && time.GetElapsedTime(failed) < memory;
    }

    internal void Failed(TimeProvider time) => Interlocked.Exchange(ref _failedAt, time.GetTimestamp() | 1);

    internal void Worked() => Interlocked.Exchange(ref _failedAt, 0);
}

/// <summary>The nodes that answer now do not have the blob, or too few of them could store it.</summary>
internal sealed class BlobUnavailableException(string sentence) : Exception(sentence);

/// <summary>
/// Copies of blobs on other nodes: relayed while they arrive, ensured before a fact names them, pulled where one is
/// missing.
/// </summary>
public sealed class Replication(
    BlobStore store, IReadOnlyList<Peer> peers, ReplicationOptions options, TimeProvider time, ILogger<Replication> log)
{
    /// <summary>Nodes that make a majority, this one included.</summary>
    public int Majority => (peers.Count + 1) / 2 + 1;

    /// <summary>Copies of an update before it is accepted, this node's included.</summary>
    public int UpdateCopies => options.UpdateCopies ?? Majority;

    /// <summary>All nodes, this one included.</summary>
    public int Nodes => peers.Count + 1;

    /// <summary>
    /// Starts to copy a blob to <paramref name="copies"/> - 1 peers while it grows here. The choice of peers rotates
    /// with the hash, so that all share the work; peers that failed a moment ago come last.
    /// </summary>
    /// <param name="source">The blob.</param>
    /// <param name="round">The round it is an update of, so that a peer can recycle its file; null: no update.</param>
    /// <param name="copies">Nodes that should have it, this one included.</param>
    /// <param name="token">Stops it; partial copies stay.</param>
    public ReplicaPush Relay(BlobSource source, UpdateRound? round, int copies, CancellationToken token) =>
        new(source, round, Order(source.Hash), copies - 1, copies - 1, options, time, log, token);

    /// <summary>
    /// Makes sure that <paramref name="copies"/> nodes have the blob on their disks, this one included, and returns how
    /// many have it: fewer if no more could be reached. A blob that is missing here is pulled first; 0 means that this
    /// failed, or that the blob turned out to be damaged here.
    /// </summary>
    public async Task<int> EnsureAsync(IncomingBlob blob, int copies, CancellationToken token)
    {
        if (!await PullAsync(blob.Hash, blob.Length, token)
            || await store.OpenAsync(blob.Hash, token) is not { } file) return 0;
        using var source = BlobSource.Complete(blob.Hash, file);
        if (copies <= 1) return 1;
        await using var push = Relay(source, blob.Round, copies, token);
        int stored = 1 + await push.FinishAsync();
        // Disks lose bits silently. Before the peer is suspected, the bytes that it was sent are hashed again.
        return push.Refused && !await store.RehashAsync(blob.Hash, token) ? 0 : stored;
    }

    /// <summary>
    /// Makes a draft a blob of this node and copies it to all others at the same time. Returns how many have it on
    /// their disks: fewer if no more could be reached. Once a majority has it, the slower ones get a moment more.
    /// </summary>
    /// <exception cref="IOException">This node's disk is full, or failed.</exception>
    public async Task<int> AdoptAsync(ModelDraft draft, CancellationToken token)
    {
        using var source = BlobSource.Complete(draft.Hash, File.OpenHandle(draft.Path));
        await using var push = new ReplicaPush(
            source, round: null, Order(draft.Hash), Nodes - 1, Majority - 1, options, time, log, token);
        await store.AdoptAsync(draft, token);
        return 1 + await push.FinishAsync();
    }

    /// <summary>Adopts the draft, and requires that a majority has it on disk.</summary>
    /// <exception cref="BlobUnavailableException">Too few nodes could be reached.</exception>
    public async Task RequireOnMajorityAsync(ModelDraft draft, CancellationToken token)
    {
        int stored = await AdoptAsync(draft, token);
        if (stored < Majority) throw new BlobUnavailableException(
            $"Blob {draft.Hash.Short} is on {PlainText.Count(stored, "disk")} and needs {Majority}.");
    }

    /// <summary>Requires that this node holds the blob, and pulls it if it does not.</summary>
    /// <exception cref="BlobUnavailableException">No reachable node could send it.</exception>
    public async Task RequireHereAsync(BlobHash hash, long length, CancellationToken token)
    {
        if (!await PullAsync(hash, length, token))
            throw new BlobUnavailableException($"Blob {hash.Short} is not here and no reachable node holds it.");
    }

    /// <summary>
    /// Makes sure that this node has the blob, if any peer has it. False: no peer could send it; the log says why.
    /// </summary>
    /// <exception cref="StoreFullException">No room here.</exception>
    public async Task<bool> PullAsync(BlobHash hash, long length, CancellationToken token)
    {
        if (await store.HasAsync(hash, token)) return true;
        string why = "there is no peer";
        foreach (var peer in Order(hash))
        {
            using var writer = await store.BeginAsync(hash, length, token);
            if (await store.HasAsync(hash, token)) return true;
            if (writer is null)
            {
                why = "it is already being received";
                break;
            }
            try
            {
                await DownloadAsync(peer, writer, token);
                if (await writer.CompleteAsync())
                {
                    CrashPoint.Pass("pull-done");
                    peer.Worked();
                    log.Pulled(hash, peer.Id);
                    return true;
                }
                why = $"peer {peer.Id} sent bytes with a wrong SHA-256";
            }
            catch (Exception e) when (e is RpcException or TimeoutException or InvalidDataException)
            {
                // NOT_FOUND is an answer, not a failure of the peer.
                if (e is not RpcException { StatusCode: StatusCode.NotFound }) peer.Failed(time);
                why = $"peer {peer.Id}: {e.Message}";
            }
        }
        log.PullFailed(hash, why);
        return false;
    }

    /// <summary>
    /// Appends the writer's missing bytes. A damaged part ends it: the next peer continues at the last good byte.
    /// </summary>
    private async Task DownloadAsync(Peer peer, BlobWriter writer, CancellationToken token)
    {
        using var guard = new StallGuard(options.StallTimeout, time, token);
        try
        {
            if (writer.Have == writer.Length) return;
            var request = new DownloadRequest { Blob = UnsafeByteOperations.UnsafeWrap(writer.Hash.ToArray()),
                Offset = writer.Have };
            using var call = peer.Transfer.Download(request, guard.Token);
            while (await call.ResponseStream.MoveNext(guard.Token))
            {
                using var part = call.ResponseStream.Current;
                guard.Moved();
                if (part.Offset != writer.Have || part.Length > writer.Length - writer.Have || !part.Intact)
                    throw new InvalidDataException($"the part at {writer.Have} is damaged.");
                writer.Append(part.Data.Span);
            }
            if (writer.Have < writer.Length) throw new InvalidDataException(
                $"it ended at {writer.Have} of {writer.Length} bytes.");
        }
        catch (OperationCanceledException) when (guard.IsCut)
        {
            throw guard.Fault();
        }
    }

    /// <summary>Tries this peer last for a while, see <see cref="ReplicationOptions.SuspectTime"/>.</summary>
    public void MarkSuspect(int node) => peers.FirstOrDefault(peer => peer.Id == node)?.Failed(time);

    private List<Peer> Order(BlobHash hash)
    {
        Span<byte> bytes = stackalloc byte[BlobHash.Size];
        hash.CopyTo(bytes);
        int first = bytes[0];
        return Enumerable.Range(0, peers.Count).Select(i => peers[(first + i) % peers.Count])
            .OrderBy(peer => peer.IsSuspect(time, options.SuspectTime)).ToList();
    }
}
