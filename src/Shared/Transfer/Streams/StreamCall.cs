using Grpc.Core;

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
