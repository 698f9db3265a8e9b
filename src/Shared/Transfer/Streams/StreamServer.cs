using System.Buffers;
using System.IO.Pipelines;
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
    /// <summary>A connection without a call for this long is closed; the client opens another for its next.</summary>
    private static readonly TimeSpan IdleMax = TimeSpan.FromMinutes(2);

    /// <summary>How long a sender that was answered early may go on sending before it is cut off.</summary>
    private static readonly TimeSpan DrainMax = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Whether the connection begins with the preface, which is taken then; of another one nothing is taken.
    /// </summary>
    public static async Task<bool> IsStreamAsync(PipeReader input, CancellationToken token)
    {
        while (true)
        {
            var result = await input.ReadAsync(token);
            var (begins, whole) = Compare(result.Buffer);
            if (begins && whole)
            {
                input.AdvanceTo(result.Buffer.GetPosition(Frame.Preface.Length));
                return true;
            }
            bool undecided = begins && !result.IsCompleted;
            input.AdvanceTo(result.Buffer.Start, undecided ? result.Buffer.End : result.Buffer.Start);
            if (!undecided) return false;
        }
    }

    /// <summary>Serves calls until the other side closes, breaks the protocol, or is idle for too long.</summary>
    /// <param name="closing">No further call is begun; one under way is finished.</param>
    /// <param name="closed">The connection is gone.</param>
    public async Task ServeAsync(IDuplexPipe pipe, CancellationToken closing, CancellationToken closed)
    {
        var frames = new FramePipe(pipe);
        try
        {
            while (await NextAsync(frames, closing, closed) is { } call) await ServeAsync(frames, call, closed);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OperationCanceledException
            or InvalidOperationException)
        {
            // The other side is gone, or speaks something else: closing is all there is to say.
        }
    }

    private async Task<Frame?> NextAsync(FramePipe frames, CancellationToken closing, CancellationToken closed)
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

    private async Task ServeAsync(FramePipe frames, Frame call, CancellationToken closed)
    {
        var context = new StreamContext((StreamMethod)call.Offset, closed);
        FrameParts? parts = null;
        try
        {
            switch ((StreamMethod)call.Offset)
            {
                case StreamMethod.Download:
                    var request = await frames.ReadMessageAsync(call, DownloadRequest.Parser, closed);
                    await transfer.Download(request, new FrameWriter(frames), context);
                    frames.Append(FrameKind.End);
                    break;
                case StreamMethod.Upload or StreamMethod.PutBlob:
                    parts = new FrameParts(frames, await frames.ReadMessageAsync(call, UploadHeader.Parser, closed));
                    frames.Append(FrameKind.Verdict, call.Offset == (long)StreamMethod.Upload
                        ? await transfer.Upload(parts, context)
                        : await peers.PutBlob(parts, context));
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
        await frames.SendAsync(null, closed);
        if (parts is null || parts.Ended) return;
        using var drain = new CancellationTokenSource(DrainMax, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(closed, drain.Token);
        await parts.DrainAsync(either.Token);
    }

    private static (bool Begins, bool Whole) Compare(ReadOnlySequence<byte> bytes)
    {
        Span<byte> start = stackalloc byte[Frame.Preface.Length];
        int count = (int)Math.Min(bytes.Length, start.Length);
        bytes.Slice(0, count).CopyTo(start);
        return (Frame.Preface.StartsWith(start[..count]), count == start.Length);
    }

    private sealed class FrameWriter(FramePipe frames) : IServerStreamWriter<Part>
    {
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(Part message) => WriteAsync(message, CancellationToken.None);

        public Task WriteAsync(Part message, CancellationToken cancellationToken) =>
            frames.SendAsync(message, cancellationToken).AsTask();
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
