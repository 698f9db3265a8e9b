using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>A download: one request, then parts as the caller reads them.</summary>
internal sealed class DownloadCall(StreamConnections streams, DownloadRequest request, CancellationToken token)
    : StreamCall(streams, token), IAsyncStreamReader<Part>
{
    private FrameParts? _parts;

    public Part Current => _parts?.Current ?? throw new InvalidOperationException("No part was read yet.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        using var either = Both(cancellationToken);
        var both = either?.Token ?? Token;
        try
        {
            _parts ??= await AskAsync(both);
            if (await _parts.MoveNext(both)) return true;
            Ended();
            return false;
        }
        catch (RpcException) when (_parts is { Ended: true })
        {
            Ended(); // Refused by the server; the connection can serve the next call.
            throw;
        }
        catch (Exception e) when (IsBreak(e))
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Broken(e);
        }
    }

    private async Task<FrameParts> AskAsync(CancellationToken token)
    {
        var frames = await OpenAsync();
        frames.Append(FrameKind.Call, request, (long)StreamMethod.Download);
        await frames.FlushAsync(token);
        return new FrameParts(frames);
    }
}
