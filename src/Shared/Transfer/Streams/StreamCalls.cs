using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>
/// A client's call and its connection. Invariant: a connection becomes idle only after a call that both sides ended;
/// otherwise it is closed, which tells the server.
/// </summary>
internal abstract class StreamCall(StreamConnections streams, CancellationToken token) : IDisposable
{
    private readonly Lock _gate = new();
    private StreamConnection? _connection;
    private bool _done;

    protected CancellationToken Token => token;

    /// <summary>Null: the call's own token is enough.</summary>
    protected CancellationTokenSource? Both(CancellationToken other) =>
        other == token || !other.CanBeCanceled ? null : CancellationTokenSource.CreateLinkedTokenSource(token, other);

    public void Dispose()
    {
        lock (_gate) Leave(clean: false);
    }

    /// <summary>Opens the connection. The call ends at once if it was disposed meanwhile.</summary>
    protected async Task<FrameStream> OpenAsync()
    {
        var connection = await streams.TakeAsync(token);
        lock (_gate)
        {
            _connection = connection;
            if (!_done) return connection.Frames;
            _connection = null;
        }
        connection.Dispose();
        throw new OperationCanceledException("The call was disposed while it connected.");
    }

    /// <summary>Both sides have ended the call.</summary>
    protected void Ended()
    {
        lock (_gate) Leave(clean: true);
    }

    /// <summary>Closes the connection, and returns what broke it as gRPC would report it.</summary>
    protected Exception Broken(Exception fault)
    {
        Dispose();
        if (token.IsCancellationRequested) return new OperationCanceledException(token);
        return fault is RpcException or InvalidDataException
            ? fault
            : new RpcException(new Status(StatusCode.Unavailable, $"The connection broke: {fault.Message}", fault));
    }

    protected static bool IsBreak(Exception fault) =>
        fault is IOException or InvalidDataException or OperationCanceledException or ObjectDisposedException
            or InvalidOperationException or RpcException;

    private void Leave(bool clean)
    {
        if (_done) return;
        _done = true;
        if (_connection is null) return;
        if (clean) streams.Return(_connection);
        else _connection.Dispose();
        _connection = null;
    }
}

/// <summary>
/// An upload or a put: the caller writes parts, and one answer arrives, maybe before the last part.
/// </summary>
internal sealed class UploadCall : StreamCall, IClientStreamWriter<Part>
{
    private readonly StreamMethod _method;
    private readonly Metadata? _headers;
    private readonly TaskCompletionSource<VerdictReply> _answer =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private FrameStream? _frames;

    public UploadCall(StreamConnections streams, StreamMethod method, Metadata? headers, CancellationToken token)
        : base(streams, token)
    {
        (_method, _headers) = (method, headers);
        // If sending fails first, the answer is never awaited; its failure must not be reported as unobserved.
        _ = _answer.Task.ContinueWith(static task => task.Exception, TaskScheduler.Default);
    }

    public Task<VerdictReply> Answer => _answer.Task;

    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(Part message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(Part message, CancellationToken cancellationToken)
    {
        using var either = Both(cancellationToken);
        try
        {
            if (_frames is null)
            {
                var header = message.Header ?? new UploadHeader();
                if (_headers is { Count: > 0 })
                {
                    header = header.Clone();
                    CallHeaders.Write(_headers, header.Headers);
                }
                _frames = await OpenAsync();
                _frames.Append(FrameKind.Call, header, (long)_method);
                _ = ListenAsync(_frames);
            }
            await _frames.SendAsync(message, either?.Token ?? Token);
        }
        catch (Exception e) when (IsBreak(e))
        {
            throw Failed(e);
        }
    }

    /// <summary>Ends the parts: after the last one, or because the answer has arrived.</summary>
    public async Task CompleteAsync()
    {
        try
        {
            if (_frames is null) throw new InvalidOperationException("An upload has at least one part.");
            _frames.Append(FrameKind.End);
            await _frames.FlushAsync(Token);
            _ended.TrySetResult();
        }
        catch (Exception e) when (IsBreak(e))
        {
            throw Failed(e);
        }
    }

    /// <summary>An answer that arrived before the connection broke counts.</summary>
    private Exception Failed(Exception e)
    {
        var broken = Broken(e);
        _answer.TrySetException(broken);
        return broken;
    }

    private async Task ListenAsync(FrameStream frames)
    {
        try
        {
            var frame = await frames.ReadHeadAsync(Token) ?? throw new IOException("The other side closed it.");
            switch (frame.Kind)
            {
                case FrameKind.Verdict:
                    _answer.TrySetResult(await frames.ReadMessageAsync(frame, VerdictReply.Parser, Token));
                    break;
                case FrameKind.Fault:
                    _answer.TrySetException(
                        (await frames.ReadMessageAsync(frame, StreamFault.Parser, Token)).ToException());
                    break;
                default:
                    throw new InvalidDataException($"A {frame.Kind} frame came in the place of the answer.");
            }
            await _ended.Task.WaitAsync(Token);
            Ended();
        }
        catch (Exception e) when (IsBreak(e))
        {
            _answer.TrySetException(Broken(e));
        }
    }
}

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
