using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Processes;
using Quorate.Shared.Text;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>A blob that a trainer or a peer sends.</summary>
/// <param name="Round">The round that an update arrives for; null: the blob is not an update.</param>
public readonly record struct IncomingBlob(BlobHash Hash, long Length, UpdateRound? Round);

/// <summary>How receiving a blob ended.</summary>
public enum ReceiptKind
{
    /// <summary>Every requested copy is durable.</summary>
    Stored,

    /// <summary>The sender should continue at <see cref="Receipt.Have"/>.</summary>
    Incomplete,

    /// <summary>The connection broke or the sender was too slow; what arrived is kept.</summary>
    Cut,

    /// <summary>The bytes are not the announced blob.</summary>
    Rejected,

    /// <summary>This node has the blob, but too few others do.</summary>
    TooFewCopies,
}

/// <summary>How receiving a blob ended, and unless it is stored, the sentence that explains it.</summary>
/// <param name="Have">Good bytes of the blob on this node.</param>
public readonly record struct Receipt(ReceiptKind Kind, long Have, string Reason);

/// <summary>
/// Receives blobs part by part, for trainers and peers alike. Bytes are written and relayed to other nodes as they
/// arrive.
/// </summary>
public sealed class BlobReceiver(BlobStore store, Replication replication, TimeProvider time)
{
    /// <summary>
    /// Bytes of the blob that need not be sent. Ask only when the blob would be accepted: this protects it from the
    /// collector.
    /// </summary>
    public async Task<long> HaveAsync(IncomingBlob blob, CancellationToken token) =>
        await store.HasAsync(blob.Hash, token)
            ? blob.Length
            : Math.Min(store.PartLength(blob.Hash), blob.Length);

    /// <summary>Receives a blob and makes it durable on <paramref name="copies"/> nodes, this one included.</summary>
    /// <param name="blob">What the sender announced.</param>
    /// <param name="copies">1: this node alone.</param>
    /// <param name="first">The first part, which the caller has read and disposes.</param>
    /// <param name="parts">The others.</param>
    /// <param name="guard">Judges the sender alone: it pauses while this node or a peer works.</param>
    /// <param name="isWanted">Asked at each part; false ends the transfer. Null: it is wanted to its end.</param>
    /// <exception cref="StoreFullException">There is no room.</exception>
    public async Task<Receipt> ReceiveAsync(
        IncomingBlob blob, int copies, Part first, IAsyncStreamReader<Part> parts, StallGuard guard,
        Func<bool>? isWanted = null)
    {
        store.RecordPurpose(blob.Hash, blob.Round);
        BlobWriter? writer = null;
        try
        {
            if (!await store.HasAsync(blob.Hash, guard.Token))
                writer = await store.BeginAsync(blob.Hash, blob.Length, guard.Token, uploaded: true);
            // While this call waited for another writer, that one may have finished the blob.
            if (await store.HasAsync(blob.Hash, guard.Token))
            {
                guard.Pause();
                return Stored(blob, await replication.EnsureAsync(blob, copies, guard.Token), copies);
            }
            if (writer is not null) return await ReceiveAsync(writer, blob, copies, first, Wanted(), guard);
            return new Receipt(ReceiptKind.Incomplete, store.PartLength(blob.Hash),
                "Another sender is sending the same blob; try again in a moment.");
        }
        catch (Exception e) when (IsCut(e))
        {
            return new Receipt(ReceiptKind.Cut, writer?.Have ?? 0, e.Message);
        }
        finally
        {
            writer?.Dispose();
        }

        PacedParts Wanted() => new(parts, isWanted ?? (() => true), time);
    }

    private async Task<Receipt> ReceiveAsync(
        BlobWriter writer, IncomingBlob blob, int copies, Part first, IAsyncStreamReader<Part> parts, StallGuard guard)
    {
        long found = writer.Have;
        writer.Evict = guard.Cut;
        await using var push = replication.Relay(writer.Source, blob.Round, copies, guard.Token);
        var received = await AppendAsync(writer, first, parts, guard);
        if (received.Kind != ReceiptKind.Stored) return received;
        guard.Pause();
        if (await writer.CompleteAsync()) return Stored(blob, 1 + await push.FinishAsync(), copies);
        // A part that a crash left here may be torn: the sender is blamed only if it sent every byte just now.
        return found > 0
            ? new Receipt(ReceiptKind.Incomplete, 0,
                $"Blob {blob.Hash.Short} was damaged here ({PlainText.Count(found, "byte")}); send all of it.")
            : new Receipt(ReceiptKind.Rejected, 0,
                $"The bytes are not those of blob {blob.Hash.Short} (wrong SHA-256).");
    }

    /// <summary>Appends parts to the writer. Stored means: all bytes are here, not yet checked as a whole.</summary>
    internal static async Task<Receipt> AppendAsync(
        BlobWriter writer, Part first, IAsyncStreamReader<Part> parts, StallGuard guard)
    {
        var part = first;
        do
        {
            using (part)
            {
                // An empty part is no progress: a sender of those alone would hold its place forever.
                if (part.Length > 0) guard.Moved();
                if (part != first && part.Header is not null)
                    return new Receipt(ReceiptKind.Rejected, writer.Have, "Only the first part carries a header.");
                // Checked before anything else: on a weight stream, a flipped bit in its length makes a part longer.
                if (!part.Intact) return Continue($"The part at {part.Offset} is damaged (CRC-32).");
                if (part.Offset != writer.Have)
                    return Continue($"The part at {part.Offset} does not follow {writer.Have}.");
                if (part.Length > writer.Length - writer.Have)
                    return Misfit(
                        $"The blob is longer than the {PlainText.Count(writer.Length, "byte")} that its header says.");
                writer.Append(part.Data.Span);
                CrashPoint.Pass("part-received");
            }
        }
        while (await NextAsync(parts, guard) && (part = parts.Current) is not null);
        return writer.Have == writer.Length
            ? new Receipt(ReceiptKind.Stored, writer.Have, "")
            : Misfit($"The blob ended after {writer.Have} of the {writer.Length} bytes that its header says.");

        Receipt Continue(string reason) => new(ReceiptKind.Incomplete, writer.Have, reason);

        Receipt Misfit(string reason)
        {
            writer.Discard("longer or shorter than its header said");
            return new Receipt(ReceiptKind.Rejected, 0, reason);
        }
    }

    private static Receipt Stored(IncomingBlob blob, int stored, int copies) => stored >= copies
        ? new Receipt(ReceiptKind.Stored, blob.Length, "")
        : new Receipt(ReceiptKind.TooFewCopies, blob.Length,
            $"Blob {blob.Hash.Short} is on {stored} of the {PlainText.Count(copies, "disk")} it needs; "
            + "too few peers answer. Send it again.");

    /// <summary>Whether the stream failed, and not this node: damaged framing, a silent or a vanished sender.</summary>
    internal static bool IsCut(Exception fault) => fault is InvalidDataException or OperationCanceledException;

    /// <summary>The next part. False: there are no more.</summary>
    /// <exception cref="InvalidDataException">Not a part, or the connection broke.</exception>
    internal static async Task<bool> NextAsync(IAsyncStreamReader<Part> parts, StallGuard guard)
    {
        try
        {
            return await parts.MoveNext(guard.Token);
        }
        catch (IOException e)
        {
            // Only here it is certain that the disk did not fail. The call's token may be cancelled only later.
            throw new InvalidDataException($"The connection broke: {e.Message}", e);
        }
    }
}

/// <summary>
/// The parts of a sender that keeps a least rate. Without it, one byte every few seconds would hold a place forever.
/// Only the time that this node waits for the sender counts.
/// </summary>
internal sealed class PacedParts(IAsyncStreamReader<Part> parts, Func<bool> isWanted, TimeProvider time)
    : IAsyncStreamReader<Part>
{
    /// <summary>Half of a modem of the year 2000, and a hundredth of any line that trains in rounds.</summary>
    public const long LeastBytesPerSecond = 64 << 10;

    /// <summary>A sender may fall behind the least rate by this much: its model may take long to save.</summary>
    public static readonly TimeSpan Allowance = TimeSpan.FromSeconds(30);

    private TimeSpan _waited;
    private long _bytes;

    public Part Current => parts.Current;

    /// <exception cref="InvalidDataException">The sender is too slow, or the blob is not wanted any more.</exception>
    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        long since = time.GetTimestamp();
        if (!await parts.MoveNext(cancellationToken)) return false;
        _waited += time.GetElapsedTime(since);
        _bytes += Current.Length;
        if (_waited > Allowance + TimeSpan.FromSeconds((double)_bytes / LeastBytesPerSecond))
            throw Ended($"The sender is slower than {LeastBytesPerSecond} bytes a second");
        if (!isWanted()) throw Ended("The round is over");
        return true;
    }

    private InvalidDataException Ended(string why)
    {
        Current.Dispose();
        return new InvalidDataException(why + ".");
    }
}
