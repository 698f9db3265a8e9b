using System.IO.Pipelines;
using System.Net.Sockets;
using Grpc.Core;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>
/// Connections for weights to one node. A call takes an idle one or opens another, and gives it back when both sides
/// have said all; one that was cut in the middle is closed instead.
/// </summary>
public sealed class StreamConnections(string host, int port) : IDisposable
{
    /// <summary>Idle ones that are kept: a trainer needs one, a leader some for its relays.</summary>
    private const int IdleMax = 8;

    /// <summary>Bytes taken from the kernel at once: a part and its head.</summary>
    private const int ReceiveBytes = Part.BytesUsual + Frame.HeadBytes;

    private readonly Lock _gate = new();
    private readonly Stack<StreamConnection> _idle = new();
    private bool _disposed;

    /// <exception cref="RpcException">UNAVAILABLE: nobody answers there.</exception>
    internal async Task<StreamConnection> TakeAsync(CancellationToken token)
    {
        while (TryTakeIdle() is { } idle)
        {
            if (idle.IsOpen) return idle;
            idle.Dispose();
        }
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
        bound.CancelAfter(Channels.ConnectTimeout);
        try
        {
            await socket.ConnectAsync(host, port, bound.Token);
            return new StreamConnection(socket, ReceiveBytes);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            token.ThrowIfCancellationRequested();
            throw new RpcException(
                new Status(StatusCode.Unavailable, $"{host}:{port} cannot be reached: {e.Message}", e));
        }
    }

    internal void Return(StreamConnection connection)
    {
        lock (_gate)
        {
            if (!_disposed && _idle.Count < IdleMax)
            {
                _idle.Push(connection);
                return;
            }
        }
        connection.Dispose();
    }

    public void Dispose()
    {
        lock (_gate) _disposed = true;
        while (TryTakeIdle() is { } idle) idle.Dispose();
    }

    private StreamConnection? TryTakeIdle()
    {
        lock (_gate) return _idle.TryPop(out var idle) ? idle : null;
    }
}

/// <summary>One connection that carries weights.</summary>
internal sealed class StreamConnection : IDuplexPipe, IDisposable
{
    private readonly Socket _socket;

    public StreamConnection(Socket socket, int receiveBytes)
    {
        _socket = socket;
        var stream = new NetworkStream(socket, ownsSocket: true);
        Input = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: receiveBytes, leaveOpen: true));
        Output = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
        Frames = new FramePipe(this);
        Frame.Preface.CopyTo(Output.GetSpan(Frame.Preface.Length));
        Output.Advance(Frame.Preface.Length);
    }

    public PipeReader Input { get; }
    public PipeWriter Output { get; }
    public FramePipe Frames { get; }

    /// <summary>An idle connection has nothing to read; what can be read is the other side's end.</summary>
    public bool IsOpen => !_socket.Poll(0, SelectMode.SelectRead);

    public void Dispose() => _socket.Dispose();
}
