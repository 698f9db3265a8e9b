using System.Security.Cryptography;
using Grpc.Core;
using Quorate.Rounds;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer;

/// <summary>Asks one node for a blob, without retries.</summary>
public static class BlobProbe
{
    /// <summary>Whether the node has the blob: it sends the first byte.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async Task<bool> HasAsync(TransferClient node, BlobHash blob, CancellationToken token)
    {
        var request = new DownloadRequest
        {
            Blob = Google.Protobuf.ByteString.CopyFrom(blob.ToArray()), Length = 1,
        };
        using var call = node.Download(request, token);
        try
        {
            if (!await call.ResponseStream.MoveNext(token)) return false;
            call.ResponseStream.Current.Dispose();
            return true;
        }
        catch (Exception e) when (e is RpcException or IOException or OperationCanceledException)
        {
            token.ThrowIfCancellationRequested();
            return false; // Not held, down, or a broken connection, which shows as a cancellation.
        }
    }

    /// <summary>
    /// The hash of what the node sends for a blob, computed as the bytes arrive; false if it sends nothing or stops.
    /// </summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static async Task<(bool Sent, BlobHash Hash)> ReadAsync(
        TransferClient node, BlobHash blob, CancellationToken token)
    {
        var request = new DownloadRequest { Blob = Google.Protobuf.ByteString.CopyFrom(blob.ToArray()) };
        using var call = node.Download(request, token);
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            while (await call.ResponseStream.MoveNext(token))
                using (var part = call.ResponseStream.Current) sha.AppendData(part.Data.Span);
        }
        catch (Exception e) when (e is RpcException or IOException or OperationCanceledException)
        {
            token.ThrowIfCancellationRequested();
            return (false, default); // Not held, damaged, down, or a broken connection, which shows as a cancellation.
        }
        return (true, BlobHash.FromBytes(sha.GetHashAndReset()));
    }
}
