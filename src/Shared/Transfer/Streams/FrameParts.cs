using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>
/// Incoming parts, as gRPC services and clients read them. They end with the sender's End; a Fault in their place is
/// thrown as an RpcException.
/// </summary>
internal sealed class FrameParts(FrameStream frames, UploadHeader? header = null) : IAsyncStreamReader<Part>
{
    private UploadHeader? _header = header;
    private Part? _current;

    /// <summary>All parts were read; the next call may follow.</summary>
    public bool Ended { get; private set; }

    public Part Current => _current ?? throw new InvalidOperationException("No part was read yet.");

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (Ended) return false;
        var frame = await frames.ReadHeadAsync(cancellationToken)
            ?? throw new InvalidDataException("The connection ended before the parts did.");
        switch (frame.Kind)
        {
            case FrameKind.Part:
                _current = await frames.ReadPartAsync(frame, cancellationToken);
                (_current.Header, _header) = (_header, null);
                return true;
            case FrameKind.End:
                Ended = true;
                return false;
            case FrameKind.Fault:
                Ended = true;
                throw (await frames.ReadMessageAsync(frame, StreamFault.Parser, cancellationToken)).ToException();
            default:
                throw new InvalidDataException($"A {frame.Kind} frame came in the place of a part.");
        }
    }

    /// <summary>Reads and drops the remaining parts, so that the connection can serve the next call.</summary>
    public async Task DrainAsync(CancellationToken token)
    {
        while (!Ended)
        {
            switch (await frames.ReadHeadAsync(token))
            {
                case { Kind: FrameKind.Part } part: await frames.SkipAsync(part, token); break;
                case { Kind: FrameKind.End }: Ended = true; break;
                case { } other: throw new InvalidDataException($"A {other.Kind} frame came in the place of a part.");
                case null: throw new InvalidDataException("The connection ended before the parts did.");
            }
        }
    }
}
