using System.Net.Sockets;
using Grpc.Core;
using Quorate.Shared.Hosts;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>
/// Connections for weights to one node. A call takes an idle one or opens another, and returns it when both sides have
/// ended the call; a connection that was cut in the middle is closed.
/// </summary>
public sealed class StreamConnections : IDisposable
{
    /// <summary>Idle connections that are kept: a trainer needs one, a leader some for its relays.</summary>
    private const int IdleMax = 8;

    private readonly Lock _gate = new();
    private readonly Stack<StreamConnection> _idle = new();
    private readonly Func<CancellationToken, Task<StreamConnection>> _dial;
    private bool _disposed;

    /// <param name="names">Resolves the host name at each connection; null: this machine's resolver.</param>
    public StreamConnections(string host, int port, HostNames? names = null)
        : this(token => DialAsync(host, port, names ?? HostNames.System, token))
    {
    }

    /// <param name="dial">Opens a connection, or throws as <see cref="TakeAsync"/> does.</param>
    internal StreamConnections(Func<CancellationToken, Task<StreamConnection>> dial) => _dial = dial;

    /// <exception cref="RpcException">UNAVAILABLE: the node cannot be reached.</exception>
    internal async Task<StreamConnection> TakeAsync(CancellationToken token)
    {
        while (TryTakeIdle() is { } idle)
        {
            if (idle.IsOpen) return idle;
            idle.Dispose();
        }
        return await _dial(token);
    }

    private static async Task<StreamConnection> DialAsync(
        string host, int port, HostNames names, CancellationToken token)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(token);
        bound.CancelAfter(Channels.ConnectTimeout);
        try
        {
            return StreamConnection.Over(await names.ConnectAsync(host, port, bound.Token));
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
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
internal sealed class StreamConnection : IDisposable
{
    private readonly Stream _stream;
    private readonly Func<bool> _isOpen;

    public StreamConnection(Stream stream, Func<bool> isOpen)
    {
        (_stream, _isOpen) = (stream, isOpen);
        Frames = new FrameStream(stream);
        Frames.AppendPreface();
    }

    public FrameStream Frames { get; }

    /// <summary>An idle connection has nothing to read, except the other side's end.</summary>
    public bool IsOpen => _isOpen();

    public void Dispose() => _stream.Dispose();

    public static StreamConnection Over(Socket socket) =>
        new(new NetworkStream(socket, ownsSocket: true), () => !socket.Poll(0, SelectMode.SelectRead));
}
