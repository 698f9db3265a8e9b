using Grpc.Core;
using Quorate.Shared.Protocol;
using Quorate.Shared.Transfer;
using Quorate.Shared.Transfer.Streams;

namespace Quorate.Coordinator.Doors;

/// <summary>
/// Called with a failure that is neither the client's nor the network's; the call is answered UNKNOWN.
/// </summary>
internal delegate void StreamFailed(Exception fault);

/// <summary>
/// The server's side of a weight stream: reads one call after another and gives each to the service that also answers
/// it over gRPC.
/// </summary>
internal sealed class StreamServer(
    TransferBase transfer, PeersBase peers, Authorizer authorizer, TimeProvider time, StreamFailed failed)
{
    /// <summary>A client sends the preface at once, and each message in one piece.</summary>
    public static readonly TimeSpan MessageMax = TimeSpan.FromSeconds(10);

    /// <summary>A connection without a call for this long is closed; the client opens another one.</summary>
    private static readonly TimeSpan _idleMax = TimeSpan.FromMinutes(2);

    /// <summary>How long the client may take to read an answer, or a download's last part.</summary>
    private static readonly TimeSpan _takeMax = TimeSpan.FromSeconds(30);

    /// <summary>How long a client that was answered early may continue to send before it is cut off.</summary>
    private static readonly TimeSpan _drainMax = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Serves a connection, from its preface on, until the client closes it, breaks the protocol, or is idle for too
    /// long.
    /// </summary>
    /// <param name="stream">The connection.</param>
    /// <param name="caller">Who opened it.</param>
    /// <param name="closing">No further call begins; one that is being served is finished.</param>
    /// <param name="closed">The connection is gone.</param>
    public async Task ServeAsync(Stream stream, Caller caller, CancellationToken closing, CancellationToken closed)
    {
        try
        {
            await ReadPrefaceAsync(stream, closed);
            var frames = new FrameStream(stream);
            while (await NextAsync(frames, closing, closed) is { } call) await ServeAsync(frames, call, caller, closed);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OperationCanceledException
            or ObjectDisposedException)
        {
            // The client is gone, or speaks something else: close the connection.
        }
    }

    private async Task ReadPrefaceAsync(Stream stream, CancellationToken closed)
    {
        using var guard = new StallGuard(MessageMax, time, closed);
        byte[] start = new byte[Frame.Preface.Length];
        await stream.ReadExactlyAsync(start, guard.Token);
        if (!Frame.Preface.SequenceEqual(start)) throw new InvalidDataException("This is not a weight stream.");
    }

    private async Task<Frame?> NextAsync(FrameStream frames, CancellationToken closing, CancellationToken closed)
    {
        using var idle = new CancellationTokenSource(_idleMax, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(closing, closed, idle.Token);
        return await frames.ReadHeadAsync(either.Token) switch
        {
            null => null,
            { Kind: FrameKind.Call } call => call,
            { } other => throw new InvalidDataException($"A {other.Kind} frame came in the place of a call."),
        };
    }

    private async Task ServeAsync(FrameStream frames, Frame call, Caller caller, CancellationToken closed)
    {
        var method = (StreamMethod)call.Offset;
        FrameParts? parts = null;
        try
        {
            DownloadRequest? download = null;
            UploadHeader? header = null;
            using (var guard = new StallGuard(MessageMax, time, closed))
            {
                if (!Enum.IsDefined(method))
                {
                    await frames.SkipAsync(call, guard.Token);
                    throw LeaderGate.Refusal(StatusCode.Unimplemented,
                        $"No call has the number {call.Offset}; this coordinator knows "
                        + $"{string.Join(", ", Enum.GetValues<StreamMethod>().Select(m => $"{(long)m} ({m})"))}.");
                }
                if (method == StreamMethod.Download)
                    download = await frames.ReadMessageAsync(call, DownloadRequest.Parser, guard.Token);
                else header = await frames.ReadMessageAsync(call, UploadHeader.Parser, guard.Token);
            }
            if (header is not null) parts = new FrameParts(frames, header);
            var context = new StreamContext(
                Permissions.NameOf(method), CallHeaders.Read((download?.Headers ?? header?.Headers)!), closed);
            caller.Attach(context);
            authorizer.Require(caller, context.Method);
            await AnswerAsync(frames, method, download, parts, context);
        }
        catch (RpcException e)
        {
            frames.Append(FrameKind.Fault, e.ToFault());
        }
        using (var guard = new StallGuard(_takeMax, time, closed))
        {
            await frames.FlushAsync(guard.Token);
            if (parts is null || parts.Ended) return;
            guard.Await(_drainMax);
            await parts.DrainAsync(guard.Token);
        }
    }

    private async Task AnswerAsync(
        FrameStream frames, StreamMethod method, DownloadRequest? download, FrameParts? parts, StreamContext context)
    {
        try
        {
            switch (method)
            {
                case StreamMethod.Download:
                    await transfer.Download(download!, new FrameWriter(frames), context);
                    frames.Append(FrameKind.End);
                    break;
                case StreamMethod.Upload:
                    frames.Append(FrameKind.Verdict, await transfer.Upload(parts!, context));
                    break;
                case StreamMethod.PutBlob:
                    frames.Append(FrameKind.Verdict, await peers.PutBlob(parts!, context));
                    break;
                default:
                    throw new System.Diagnostics.UnreachableException($"{method} has a name and no service.");
            }
        }
        catch (Exception e) when (e is not (RpcException or InvalidDataException)
            && !context.CancellationToken.IsCancellationRequested)
        {
            failed(e);
            throw LeaderGate.Refusal(StatusCode.Unknown, "The coordinator failed at this call.");
        }
    }

    private sealed class FrameWriter(FrameStream frames) : IServerStreamWriter<Part>
    {
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(Part message) => WriteAsync(message, CancellationToken.None);

        /// <exception cref="RpcException">CANCELLED: the client is gone, which is no failure of this node.</exception>
        public async Task WriteAsync(Part message, CancellationToken cancellationToken)
        {
            try
            {
                await frames.SendAsync(message, cancellationToken);
            }
            catch (IOException e)
            {
                throw new RpcException(new Status(StatusCode.Cancelled, "The client is gone.", e));
            }
        }
    }
}

/// <summary>What a service sees of a call that is not gRPC's: its name, headers and end.</summary>
internal sealed class StreamContext(string method, Metadata headers, CancellationToken closed) : ServerCallContext
{
    protected override string MethodCore => method;
    protected override string HostCore => "";
    protected override string PeerCore => "";
    protected override DateTime DeadlineCore => DateTime.MaxValue;
    protected override Metadata RequestHeadersCore => headers;
    protected override CancellationToken CancellationTokenCore => closed;
    protected override Metadata ResponseTrailersCore { get; } = [];
    protected override Status StatusCore { get; set; }
    protected override WriteOptions? WriteOptionsCore { get; set; }
    protected override AuthContext AuthContextCore { get; } = new("", []);

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotSupportedException("Calls over weight streams cannot be propagated.");

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
}
