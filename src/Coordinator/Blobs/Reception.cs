using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>Receiving a blob part by part: what trainers upload and what peers put go through here alike.</summary>
internal static class Reception
{
    /// <summary>Why a header names no blob that could be received; null: it does.</summary>
    public static string? Check(UploadHeader? header) => header switch
    {
        null => "The first part carries no header; start with one that names the blob.",
        { Blob.Length: not BlobHash.Size } =>
            $"The blob's name has {header.Blob.Length} bytes, a SHA-256 has {BlobHash.Size}.",
        { Length: < 1 or > Limits.BlobBytes } =>
            $"The blob's length is {header.Length}, allowed are 1 to {Limits.BlobBytes} bytes.",
        _ => null,
    };

    /// <summary>The round that an update is brought for; null: the blob is something else.</summary>
    public static UpdateRound? RoundOf(UploadHeader header) =>
        header.Update is { } update && RunId.TryParse(update.Run, out var run)
            ? new UpdateRound(run, update.Round)
            : null;

    /// <summary>
    /// Appends parts to the writer, beginning with <paramref name="first"/>. Null: all bytes are here, not yet checked
    /// as a whole. Otherwise the answer: INCOMPLETE, go on at `have`; or REJECTED, the bytes do not fit the header.
    /// </summary>
    public static async Task<VerdictReply?> ReceiveAsync(
        BlobWriter writer, Part first, IAsyncStreamReader<Part> parts, StallGuard guard)
    {
        for (var part = first; part is not null; part = await NextAsync(parts, guard))
        {
            using (part)
            {
                // An empty part moves nothing: a sender of those alone would hold its place for ever.
                if (part.Length > 0) guard.Moved();
                if (part != first && part.Header is not null) return Rejected("Only the first part carries a header.");
                // First of all: on a weight stream, a bit flipped in a part's length makes it a longer part.
                if (!part.Intact) return Incomplete(writer.Have, $"The part at {part.Offset} is damaged (CRC-32).");
                if (part.Offset != writer.Have) return Incomplete(
                    writer.Have, $"The part at {part.Offset} does not follow {writer.Have}.");
                if (part.Length > writer.Length - writer.Have)
                    return Refuse(writer, $"The blob is longer than the {writer.Length} bytes that its header says.");
                writer.Append(part.Data.Span);
                CrashPoint.Pass("part-received");
            }
        }
        return writer.Have == writer.Length
            ? null
            : Refuse(writer, $"The blob ended after {writer.Have} of the {writer.Length} bytes that its header says.");
    }

    /// <summary>The next part, or null at the end.</summary>
    /// <exception cref="InvalidDataException">Not a part, or the connection broke.</exception>
    public static async Task<Part?> NextAsync(IAsyncStreamReader<Part> parts, StallGuard guard)
    {
        try
        {
            return await parts.MoveNext(guard.Token) ? parts.Current : null;
        }
        catch (IOException e)
        {
            // Here alone it is known not to be the disk's: the call's token may be cancelled only later.
            throw new InvalidDataException($"The connection broke: {e.Message}", e);
        }
    }

    /// <summary>Whether the stream, not this node, is what failed: garbage, a silent or a vanished sender.</summary>
    public static bool IsCut(Exception fault) => fault is InvalidDataException or OperationCanceledException;

    public static VerdictReply Incomplete(long have, string reason) =>
        new() { Verdict = VerdictCode.Incomplete, Have = have, Reason = reason };

    public static VerdictReply Rejected(string reason) => new() { Verdict = VerdictCode.Rejected, Reason = reason };

    public static VerdictReply Busy(BlobStore store, BlobHash hash) =>
        Incomplete(store.PartLength(hash), "Another sender is bringing the same blob; ask again in a moment.");

    private static VerdictReply Refuse(BlobWriter writer, string reason)
    {
        writer.Discard("longer or shorter than its header said");
        return Rejected(reason);
    }
}
