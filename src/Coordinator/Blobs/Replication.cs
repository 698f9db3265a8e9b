using Google.Protobuf;
using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// Copies of blobs on other nodes: relayed while they come, ensured before a fact names them, pulled where one lacks.
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
    /// Starts to bring a blob to <paramref name="copies"/> - 1 peers while it grows here. Which peers rotates with the
    /// hash, so that all share the work; peers that failed a moment ago come last.
    /// </summary>
    /// <param name="source">The blob.</param>
    /// <param name="update">What it is, so that a peer knows when it is over; null: no update.</param>
    /// <param name="copies">Nodes that are to have it, this one included.</param>
    /// <param name="token">Stops it; what is there stays there.</param>
    public Spread Relay(BlobSource source, UpdateFacts? update, int copies, CancellationToken token) =>
        new(source, update, Order(source.Hash), copies - 1, copies - 1, options, time, log, token);

    /// <summary>
    /// Makes sure that <paramref name="copies"/> nodes have the blob on their disks, this one included, and returns how
    /// many have. Fewer: no more could be reached. A blob that lacks here is pulled first; 0: it could not be had, or
    /// was found damaged here.
    /// </summary>
    public async Task<int> EnsureAsync(UploadHeader header, int copies, CancellationToken token)
    {
        var hash = BlobHash.FromBytes(header.Blob.Span);
        if (!await PullAsync(hash, header.Length, token)
            || await store.OpenAsync(hash, token) is not { } file) return 0;
        using var source = BlobSource.Complete(hash, file);
        if (copies <= 1) return 1;
        await using var spread = Relay(source, header.Update, copies, token);
        int there = 1 + await spread.FinishAsync();
        // A disk forgets without saying so. Before a peer is doubted for good, what it was sent is hashed anew.
        return spread.Refused && !await store.RehashAsync(hash, token) ? 0 : there;
    }

    /// <summary>
    /// Makes a draft a blob of this node and brings it to all others, both at once, and returns how many have it on
    /// their disks. Once a majority has it, the slower ones get only a moment. Fewer: no more could be reached.
    /// </summary>
    /// <exception cref="IOException">This node's disk is full, or failed.</exception>
    public async Task<int> AdoptAsync(ModelDraft draft, CancellationToken token)
    {
        using var source = BlobSource.Complete(draft.Hash, File.OpenHandle(draft.Path));
        await using var spread = new Spread(
            source, update: null, Order(draft.Hash), Nodes - 1, Majority - 1, options, time, log, token);
        await store.AdoptAsync(draft, token);
        return 1 + await spread.FinishAsync();
    }

    /// <summary>
    /// Makes sure that this node has the blob, from any peer that has. False: none could give it; the log says why.
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
                why = "it is being received already";
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
                why = $"peer {peer.Id} gave bytes with a wrong SHA-256";
            }
            catch (Exception e) when (e is RpcException or TimeoutException or InvalidDataException)
            {
                // NOT_FOUND is an honest answer, not a failure of the peer.
                if (e is not RpcException { StatusCode: StatusCode.NotFound }) peer.Failed(time);
                why = $"peer {peer.Id}: {e.Message}";
            }
        }
        log.PullFailed(hash, why);
        return false;
    }

    /// <summary>
    /// Appends what the writer lacks. A damaged part ends it: the next peer goes on at the last good byte.
    /// </summary>
    private async Task DownloadAsync(Peer peer, BlobWriter writer, CancellationToken token)
    {
        using var guard = new StallGuard(options.StallTimeout, time, token);
        try
        {
            var request = new DownloadRequest { Blob = UnsafeByteOperations.UnsafeWrap(writer.Hash.ToArray()),
                Offset = writer.Have };
            if (writer.Have == writer.Length) return;
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

    /// <summary>Asks this peer last for a while, see <see cref="ReplicationOptions.DoubtTime"/>.</summary>
    public void Doubt(int node) => peers.FirstOrDefault(peer => peer.Id == node)?.Failed(time);

    private List<Peer> Order(BlobHash hash)
    {
        Span<byte> bytes = stackalloc byte[BlobHash.Size];
        hash.CopyTo(bytes);
        int first = bytes[0];
        return Enumerable.Range(0, peers.Count).Select(i => peers[(first + i) % peers.Count])
            .OrderBy(peer => peer.IsDoubtful(time, options.DoubtTime)).ToList();
    }
}
