using Grpc.Core;
using Microsoft.Win32.SafeHandles;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// The server's side of a download: a blob from the disk, part by part, as fast as the reader takes it.
/// </summary>
public static class BlobSending
{
    /// <param name="guard">Judges the reader alone: neither the hashing of what it asked for nor the disk.</param>
    /// <exception cref="RpcException">NOT_FOUND: not on this node. INVALID_ARGUMENT or OUT_OF_RANGE: no such blob or
    /// range can be. CANCELLED: the reader took nothing for the guard's limit.</exception>
    public static async Task SendAsync(
        BlobStore store, DownloadRequest request, IServerStreamWriter<Part> parts, StallGuard guard)
    {
        guard.Pause();
        if (request.Blob.Length != BlobHash.Size)
            throw Refusal(StatusCode.InvalidArgument,
                $"The blob's name has {request.Blob.Length} bytes, a SHA-256 has {BlobHash.Size}.");
        var hash = BlobHash.FromBytes(request.Blob.Span);
        using var file = await store.OpenAsync(hash, guard.Token)
            ?? throw Refusal(StatusCode.NotFound, $"Blob {hash} is not on this node; ask another, or later.");
        long length = RandomAccess.GetLength(file), from = request.Offset;
        if (from < 0 || from > length || request.Length < 0 || request.Length > length - from)
            throw Refusal(StatusCode.OutOfRange,
                $"Blob {hash.Short} has {length} bytes, not {request.Length} from {from} on.");
        try
        {
            await SendAsync(file, from, request.Length == 0 ? length : from + request.Length, parts, guard);
        }
        catch (OperationCanceledException) when (guard.IsCut)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "The reader takes nothing.", guard.Fault()));
        }
    }

    private static async Task SendAsync(
        SafeFileHandle file, long from, long to, IServerStreamWriter<Part> parts, StallGuard guard)
    {
        int usual = Part.BytesOf(RandomAccess.GetLength(file));
        using var part = Part.Rent(usual);
        while (from < to)
        {
            int wanted = (int)Math.Min(usual, to - from);
            int count = RandomAccess.Read(file, part.Room.Span[..wanted], from);
            if (count == 0) throw Refusal(StatusCode.DataLoss,
                "The blob's file was cut while it was being read; ask another node.");
            part.Fill(from, count);
            part.Last = from + count == to;
            guard.Moved();
            await parts.WriteAsync(part, guard.Token);
            guard.Pause();
            BlobMeter.Sent.Add(count);
            from += count;
        }
    }

    private static RpcException Refusal(StatusCode code, string sentence) => new(new Status(code, sentence));
}
