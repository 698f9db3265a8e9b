using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>
/// The server's side of a weight stream: reads calls one after the other and gives each to the very service that
/// answers it over gRPC.
/// </summary>
/// <param name="failed">Told of a failure that is neither the caller's nor the network's; the call is answered UNKNOWN.
/// </param>
public sealed class StreamServer(TransferBase transfer, PeersBase peers, TimeProvider time, Action<Exception> failed)
{
    /// <summary>What every weight stream begins with, and no HTTP client sends.</summary>
    public static ReadOnlySpan<byte> Preface => Frame.Preface;

    /// <summary>A client speaks first, and at once.</summary>
    private static readonly TimeSpan PrefaceMax = TimeSpan.FromSeconds(10);

    /// <summary>A connection without a call for this long is closed; the client opens another for its next.</summary>
    private static readonly TimeSpan IdleMax = TimeSpan.FromMinutes(2);

    /// <summary>How long the other side may take for an answer, or for a download's last part; as for any other part.
    /// </summary>
    private static readonly TimeSpan TakeMax = TimeSpan.FromSeconds(30);

    /// <summary>How long a sender that was answered early may go on sending before it is cut off.</summary>
    private static readonly TimeSpan DrainMax = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Serves a connection, from its preface on, until the other side closes, breaks the protocol, or is idle for too
    /// long.
    /// </summary>
    /// <param name="closing">No further call is begun; one under way is finished.</param>
    /// <param name="closed">The connection is gone.</param>
    public async Task ServeAsync(Stream stream, CancellationToken closing, CancellationToken closed)
    {
        try
        {
            await ReadPrefaceAsync(stream, closed);
            var frames = new FrameStream(stream);
            while (await NextAsync(frames, closing, closed) is { } call) await ServeAsync(frames, call, closed);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OperationCanceledException
            or ObjectDisposedException)
        {
            // The other side is gone, or speaks something else: closing is all there is to say.
        }
    }

    private async Task ReadPrefaceAsync(Stream stream, CancellationToken closed)
    {
        using var late = new CancellationTokenSource(PrefaceMax, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(closed, late.Token);
        byte[] start = new byte[Frame.Preface.Length];
        await stream.ReadExactlyAsync(start, either.Token);
        if (!Frame.Preface.SequenceEqual(start)) throw new InvalidDataException("This is no weight stream.");
    }

    private async Task<Frame?> NextAsync(FrameStream frames, CancellationToken closing, CancellationToken closed)
    {
        using var idle = new CancellationTokenSource(IdleMax, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(closing, closed, idle.Token);
        return await frames.ReadHeadAsync(either.Token) switch
        {
            null => null,
            { Kind: FrameKind.Call } call => call,
            { } other => throw new InvalidDataException($"A {other.Kind} frame came in the place of a call."),
        };
    }

    private async Task ServeAsync(FrameStream frames, Frame call, CancellationToken closed)
    {
        var method = (StreamMethod)call.Offset;
        var context = new StreamContext(method, closed);
        // What fails before a service is asked is no failure of this node's: the connection ends.
        var request = method is StreamMethod.Download
            ? await frames.ReadMessageAsync(call, DownloadRequest.Parser, closed)
            : null;
        var parts = method is StreamMethod.Upload or StreamMethod.PutBlob
            ? new FrameParts(frames, await frames.ReadMessageAsync(call, UploadHeader.Parser, closed))
            : null;
        try
        {
            switch (method)
            {
                case StreamMethod.Download:
                    await transfer.Download(request!, new FrameWriter(frames), context);
                    frames.Append(FrameKind.End);
                    break;
                case StreamMethod.Upload:
                    frames.Append(FrameKind.Verdict, await transfer.Upload(parts!, context));
                    break;
                case StreamMethod.PutBlob:
                    frames.Append(FrameKind.Verdict, await peers.PutBlob(parts!, context));
                    break;
                default:
                    throw new InvalidDataException($"No call has the number {call.Offset}.");
            }
        }
        catch (RpcException e)
        {
            frames.Append(FrameKind.Fault, e.ToFault());
        }
        catch (Exception e) when (!closed.IsCancellationRequested && e is not InvalidDataException)
        {
            failed(e);
            var unknown = new RpcException(new Status(StatusCode.Unknown, "The coordinator failed at this call."));
            frames.Append(FrameKind.Fault, unknown.ToFault());
        }
        using var guard = new StallGuard(TakeMax, time, closed);
        await frames.FlushAsync(guard.Token);
        if (parts is null || parts.Ended) return;
        guard.Await(DrainMax);
        await parts.DrainAsync(guard.Token);
    }

    private sealed class FrameWriter(FrameStream frames) : IServerStreamWriter<Part>
    {
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(Part message) => WriteAsync(message, CancellationToken.None);

        /// <exception cref="RpcException">CANCELLED: the reader is gone, which is no failure of this node.</exception>
        public async Task WriteAsync(Part message, CancellationToken cancellationToken)
        {
            try
            {
                await frames.SendAsync(message, cancellationToken);
            }
            catch (IOException e)
            {
                throw new RpcException(new Status(StatusCode.Cancelled, "The reader is gone.", e));
            }
        }
    }

    /// <summary>What a service may know of a call that came over a stream: that it still runs.</summary>
    private sealed class StreamContext(StreamMethod method, CancellationToken closed) : ServerCallContext
    {
        protected override string MethodCore => method.ToString();
        protected override string HostCore => "";
        protected override string PeerCore => "";
        protected override DateTime DeadlineCore => DateTime.MaxValue;
        protected override Metadata RequestHeadersCore { get; } = [];
        protected override CancellationToken CancellationTokenCore => closed;
        protected override Metadata ResponseTrailersCore { get; } = [];
        protected override Status StatusCore { get; set; }
        protected override WriteOptions? WriteOptionsCore { get; set; }
        protected override AuthContext AuthContextCore { get; } = new("", []);

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
            throw new NotSupportedException("A weight stream hands no call on.");

        protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
    }
}
