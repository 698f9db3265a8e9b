using Grpc.Core;
using Microsoft.Win32.SafeHandles;
using Quorate.Rounds;
using Quorate.Shared.Protocol;
using Part = Quorate.Shared.Transfer.Part;

namespace Quorate.Coordinator.Blobs;

/// <summary>
/// The server's side of a download: a blob from the disk, part by part, as fast as the reader takes it.
/// </summary>
public static class BlobSending
{
    /// <exception cref="RpcException">NOT_FOUND: not on this node. INVALID_ARGUMENT or OUT_OF_RANGE: no such blob or
    /// range can be.</exception>
    public static async Task SendAsync(
        BlobStore store, DownloadRequest request, IServerStreamWriter<Part> parts, CancellationToken token)
    {
        if (request.Blob.Length != BlobHash.Size)
            throw Refusal(StatusCode.InvalidArgument,
                $"The blob's name has {request.Blob.Length} bytes, a SHA-256 has {BlobHash.Size}.");
        var hash = BlobHash.FromBytes(request.Blob.Span);
        using var file = await store.OpenAsync(hash, token)
            ?? throw Refusal(StatusCode.NotFound, $"Blob {hash} is not on this node; ask another, or later.");
        long length = RandomAccess.GetLength(file), from = request.Offset;
        if (from < 0 || from > length || request.Length < 0 || request.Length > length - from)
            throw Refusal(StatusCode.OutOfRange,
                $"Blob {hash.Short} has {length} bytes, not {request.Length} from {from} on.");
        await SendAsync(file, from, request.Length == 0 ? length : from + request.Length, parts, token);
    }

    private static async Task SendAsync(
        SafeFileHandle file, long from, long to, IServerStreamWriter<Part> parts, CancellationToken token)
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
            await parts.WriteAsync(part, token);
            BlobMeter.Sent.Add(count);
            from += count;
        }
    }

    private static RpcException Refusal(StatusCode code, string sentence) => new(new Status(code, sentence));
}
