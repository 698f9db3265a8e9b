using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Text;

namespace Quorate.Shared.Transfer;

/// <summary>
/// Uploads a file to the leader and returns its verdict. Bytes that the cluster already has are not sent again. A cut
/// upload continues where the receiver says, at the leader of that moment: <paramref name="leader"/> is called before
/// each attempt with the last failure (null at first), whose trailers may name another leader.
/// </summary>
public sealed class BlobUpload(
    Func<RpcException?, CancellationToken, ValueTask<TransferClient>> leader, RetryRules rules, TimeProvider time)
{
    /// <summary>
    /// Sends the file at <paramref name="path"/>, whose hash and length the header states. <paramref name="progress"/>
    /// is called with the bytes sent so far, from any thread; the number decreases when bytes are sent again.
    /// </summary>
    /// <returns>Accepted, Duplicate, Stale or Rejected. Never Incomplete.</returns>
    /// <exception cref="TransferException">Given up: no attempt of the last few made progress, or the refusal is
    /// final.</exception>
    public async Task<VerdictReply> SendAsync(
        UploadHeader header, string path, Action<long>? progress, CancellationToken token)
    {
        var hash = BlobHash.FromBytes(header.Blob.Span);
        using var source = BlobSource.Complete(hash, File.OpenHandle(path));
        if (source.Length != header.Length)
            throw new TransferException(
                $"{path} has {PlainText.Count(source.Length, "byte")}, its header says {header.Length}.");
        var upload = new State(header, source, progress);
        var pipeline = rules.Pipeline(time);
        try
        {
            while (true)
            {
                // One turn of this loop is one stretch of progress, so it ends: offsets only rise between turns (see
                // TryAsync).
                var reply = await pipeline.ExecuteAsync(
                    (state, t) => new ValueTask<VerdictReply>(TryAsync(state, t)), upload, token);
                if (reply.Verdict != VerdictCode.Incomplete) return reply;
            }
        }
        catch (Exception e) when (RetryRules.IsPassing(e) || e is RpcException)
        {
            throw new TransferException(
                $"Blob {hash.Short} could not be uploaded; {upload.Reached} of {header.Length} bytes arrived: "
                + Say(e), e);
        }
    }

    internal static string Say(Exception fault) => fault is RpcException rpc ? rpc.Status.Detail : fault.Message;

    /// <summary>
    /// One attempt. Incomplete means progress; an attempt without progress throws, so that the pipeline counts it.
    /// </summary>
    private async Task<VerdictReply> TryAsync(State upload, CancellationToken token)
    {
        try
        {
            var client = await leader(upload.Refusal, token);
            var reply = await OnceAsync(client, upload, token);
            upload.Refusal = null;
            if (!Enum.IsDefined(reply.Verdict) || reply.Verdict == VerdictCode.Unspecified) throw new TransferException(
                $"The leader answered with verdict {(int)reply.Verdict}, which this program does not know: update it.");
            if (reply.Verdict != VerdictCode.Incomplete) return reply;
            upload.Told = reply.Have;
            if (!upload.Advance(reply.Have)) throw new InvalidDataException(reply.Reason);
            return reply;
        }
        catch (Exception e) when (RetryRules.IsPassing(e))
        {
            upload.Refusal = e as RpcException;
            // The offer that opened this attempt showed the previous one's progress.
            if (upload.Advance(upload.Offered)) return new VerdictReply { Verdict = VerdictCode.Incomplete,
                Have = upload.Offered };
            throw;
        }
    }

    private async Task<VerdictReply> OnceAsync(TransferClient client, State upload, CancellationToken token)
    {
        using var guard = new StallGuard(rules.StallTimeout, time, token);
        long offset = Math.Clamp(upload.Told, 0, upload.Header.Length);
        try
        {
            if (upload.Header.Length > Part.BytesUsual)
            {
                using var offer = client.Offer(upload.Header, guard.Token);
                var offered = await offer.ResponseAsync;
                if (offered.Verdict != VerdictCode.Incomplete) return offered;
                upload.Offered = offset = Math.Clamp(offered.Have, 0, upload.Header.Length);
            }
            guard.Moved();
            using var call = client.Upload(guard.Token);
            return await PartSending.SendAsync(
                call, upload.Header, upload.Source, offset, guard, rules.AnswerTimeout, upload.Progress);
        }
        catch (OperationCanceledException) when (guard.IsCut)
        {
            throw guard.Fault();
        }
    }

    private sealed class State(UploadHeader header, BlobSource source, Action<long>? progress)
    {
        public UploadHeader Header => header;
        public BlobSource Source => source;
        public Action<long>? Progress => progress;
        public RpcException? Refusal { get; set; }

        /// <summary>The offset at which the last offer said to continue.</summary>
        public long Offered { get; set; }

        /// <summary>
        /// Where the last receiver said to continue. A small file is sent without an offer, so this is how the next
        /// attempt knows which bytes a cut one has left at the receiver.
        /// </summary>
        public long Told { get; set; }

        /// <summary>The furthest offset any receiver confirmed. Only a rise counts as progress.</summary>
        public long Reached { get; private set; }

        public bool Advance(long have)
        {
            if (have <= Reached) return false;
            Reached = have;
            return true;
        }
    }
}
