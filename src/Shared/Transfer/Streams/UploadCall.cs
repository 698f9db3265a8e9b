using Grpc.Core;
using Quorate.Shared.Protocol;

namespace Quorate.Shared.Transfer.Streams;

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
        // If sending fails first, nobody awaits the answer: that is no unobserved failure.
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
