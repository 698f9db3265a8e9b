using Grpc.Core;

namespace Quorate.Shared.Transfer.Streams;

/// <summary>
/// A client's call: its connection, and what becomes of it. Invariant: a connection goes back to the idle ones only
/// after a call that both sides ended; any other way out closes it, which tells the server.
/// </summary>
internal abstract class StreamCall(StreamConnections streams, CancellationToken token) : IDisposable
{
    private readonly Lock _gate = new();
    private StreamConnection? _connection;
    private bool _done;

    protected CancellationToken Token => token;

    /// <summary>Null: the call's own token is all there is to heed.</summary>
    protected CancellationTokenSource? Both(CancellationToken other) =>
        other == token || !other.CanBeCanceled ? null : CancellationTokenSource.CreateLinkedTokenSource(token, other);

    public void Dispose()
    {
        lock (_gate) Leave(clean: false);
    }

    /// <summary>Opens the connection; the call is over at once where it was disposed meanwhile.</summary>
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
        throw new OperationCanceledException("The call was disposed of while it connected.");
    }

    /// <summary>Both sides have said all.</summary>
    protected void Ended()
    {
        lock (_gate) Leave(clean: true);
    }

    /// <summary>What broke the connection, as callers of gRPC know it.</summary>
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
